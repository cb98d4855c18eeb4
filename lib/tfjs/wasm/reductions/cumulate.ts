/** Cumulative sums and products as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";
import { alongAxis, axesOf } from "./view.ts";

/** Multiplications and additions that take as long as an element. */
const OPERATIONS_AN_ELEMENT = 8;

/**
 * A cumulative sum or product of 32-bit floats on all threads, along any axis, in 64
 * bits; `stock` gets other types and numbers.
 */
export const cumulateKernel: MakeKernel = (stock, name, host) => {
  const product = Number(name === "Cumprod");
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo, { shape } = x;
    const size = tf.util.sizeFromShape(shape);
    const wasm = call.backend as BackendWasm;
    if (size === 0) return wasm.makeOutput(shape, x.dtype);
    if (x.dtype !== "float32" || shape.length === 0) return stock(call);
    const attributes = call.attrs as unknown as tf.CumsumAttrs;
    const [axis] = axesOf(attributes.axis, shape);
    const { outer, reduced, inner } = alongAxis(shape, axis!);
    return withOutputs(wasm, (make) => {
      const y = make(shape);
      host.run("cumulate", {
        product,
        exclusive: Number(attributes.exclusive),
        reverse: Number(attributes.reverse),
        outer,
        reduced,
        inner,
        x: addressOf(wasm, x),
        y: addressOf(wasm, y),
      }, { operations: OPERATIONS_AN_ELEMENT * size });
      return y;
    });
  };
};
