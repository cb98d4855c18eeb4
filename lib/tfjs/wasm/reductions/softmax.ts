/** Softmax as a kernel of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";
import { axesOf } from "./view.ts";

/** Multiplications and additions of an element, about: an exponential. */
const OPERATIONS_AN_ELEMENT = 20;

/**
 * Softmax of 32-bit floats along the last axis, on all threads; `stock` gets other types
 * and empty tensors.
 */
export const softmaxKernel: MakeKernel = (stock, _name, host) => (call) => {
  const x = call.inputs["logits"] as tf.TensorInfo, { shape } = x;
  const size = tf.util.sizeFromShape(shape);
  // tfjs's own kernel returns what the memory held before for an axis that is not there.
  axesOf(-1, shape);
  if (x.dtype !== "float32" || size === 0) return stock(call);
  const wasm = call.backend as BackendWasm;
  return withOutputs(wasm, (make) => {
    const y = make(shape);
    host.run("softmaxRows", {
      rows: size / shape.at(-1)!,
      columns: shape.at(-1)!,
      x: addressOf(wasm, x),
      y: addressOf(wasm, y),
      dy: 0,
      dx: 0,
    }, { operations: OPERATIONS_AN_ELEMENT * size });
    return y;
  });
};
