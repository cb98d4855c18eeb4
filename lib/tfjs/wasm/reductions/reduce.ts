/** Reductions as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { reducedShape } from "../../kernel_call.ts";
import { addressOf } from "../address.ts";
import { REDUCTIONS } from "../jobs.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";
import { axesOf, withView } from "./view.ts";

/** Multiplications and additions that take as long as reducing an element. */
const OPERATIONS_AN_ELEMENT = 4;

/**
 * A reduction on all threads, of 32-bit floats; of bools where it is whether all or any
 * are true; `stock` gets other types and empty tensors.
 */
export const reduceKernel: MakeKernel = (stock, name, host) => {
  const kind = REDUCTIONS.findIndex((reduction) => reduction === name);
  const dtype = name === "All" || name === "Any" ? "bool" : "float32";
  const isPlace = name === "ArgMax" || name === "ArgMin";
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const size = tf.util.sizeFromShape(x.shape);
    if (x.dtype !== dtype || size === 0) return stock(call);
    const { axis, reductionIndices, keepDims } = call.attrs as unknown as
      & tf.SumAttrs
      & tf.MaxAttrs;
    const axes = axesOf(axis ?? reductionIndices, x.shape);
    if (isPlace && axes.length !== 1) return stock(call);
    const wasm = call.backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const y = make(
        reducedShape(x.shape, axes, keepDims),
        isPlace ? "int32" : dtype,
      );
      withView(wasm, x, axes, (x, view) =>
        host.run("reduce", {
          kind,
          repeats: view.repeats,
          outer: view.outer,
          reduced: view.reduced,
          inner: view.inner,
          x: addressOf(wasm, x),
          y: addressOf(wasm, y),
        }, { operations: OPERATIONS_AN_ELEMENT * size }));
      return y;
    });
  };
};
