/** Reductions, cumulative sums and softmax as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { reducedShape } from "../../kernel_call.ts";
import { addressOf } from "../address.ts";
import { JOBS, REDUCTIONS } from "../jobs.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";
import { alongAxis, axesOf, withView } from "./view.ts";

/** Multiplications and additions that take as long as an element; softmax has an exponential. */
const REDUCING = 4, CUMULATING = 8, SOFTMAX = 20;

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
      const shape = reducedShape(x.shape, axes, keepDims);
      const y = make(shape, isPlace ? "int32" : dtype);
      withView(wasm, x, axes, (x, view) => {
        const tensors = { x: addressOf(wasm, x), y: addressOf(wasm, y) };
        const operations = REDUCING * size;
        host.run(JOBS.reduce, { kind, ...view, ...tensors }, { operations });
      });
      return y;
    });
  };
};

/** The kernel `Mean` of any type of number, which adds in float64. */
export const integerMean: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo, wasm = backend as BackendWasm;
  const { axis, keepDims } = attrs as unknown as tf.MeanAttrs;
  const axes = axesOf(axis, x.shape);
  return withOutputs(wasm, (make) => {
    const y = make(reducedShape(x.shape, axes, keepDims));
    withView(wasm, x, axes, (x, { repeats, outer, reduced, inner }) => {
      const values = wasm.typedArrayFromHeap(x);
      const sums = new Float64Array(outer * inner);
      for (let row = 0, at = 0; row < repeats * outer * reduced; row++) {
        const first = Math.floor(row / reduced) % outer * inner;
        for (let i = first; i < first + inner; i++) sums[i]! += values[at++]!;
      }
      const count = repeats * reduced;
      wasm.typedArrayFromHeap(y).set(sums.map((sum) => sum / count));
    });
    return y;
  });
};

/**
 * A cumulative sum or product of 32-bit floats on all threads, along any axis, in 64
 * bits; `stock` gets other types.
 */
export const cumulateKernel: MakeKernel = (stock, name, host) => {
  const product = Number(name === "Cumprod");
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo, { shape } = x;
    const size = tf.util.sizeFromShape(shape);
    const wasm = call.backend as BackendWasm;
    const attributes = call.attrs as unknown as tf.CumsumAttrs;
    const [axis] = axesOf(attributes.axis, shape);
    if (size === 0) return wasm.makeOutput(shape, x.dtype);
    if (x.dtype !== "float32") return stock(call);
    return withOutputs(wasm, (make) => {
      const y = make(shape);
      host.run(JOBS.cumulate, {
        product,
        exclusive: Number(attributes.exclusive),
        reverse: Number(attributes.reverse),
        ...alongAxis(shape, axis!),
        x: addressOf(wasm, x),
        y: addressOf(wasm, y),
      }, { operations: CUMULATING * size });
      return y;
    });
  };
};

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
  const wasm = call.backend as BackendWasm, columns = shape.at(-1)!;
  return withOutputs(wasm, (make) => {
    const y = make(shape);
    host.run(JOBS.softmaxRows, {
      ...{ rows: size / columns, columns },
      x: addressOf(wasm, x),
      y: addressOf(wasm, y),
    }, { operations: SOFTMAX * size });
    return y;
  });
};
