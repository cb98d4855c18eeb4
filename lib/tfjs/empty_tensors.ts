/** Operations on tensors without values. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertEachOnce, reducedShape } from "./kernel_call.ts";

/** The least value of each type, and the largest. */
const EXTREMES: Partial<Record<tf.DataType, readonly [number, number]>> = {
  bool: [0, 1],
  float32: [-Infinity, Infinity],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** The results of empty reductions: their neutral elements. */
const REDUCTIONS_OF_NOTHING: Record<string, (dtype: tf.DataType) => number> = {
  Sum: () => 0,
  Mean: () => NaN,
  Prod: () => 1,
  Max: (dtype) => EXTREMES[dtype]![0],
  Min: (dtype) => EXTREMES[dtype]![1],
  All: () => 1,
  Any: () => 0,
};

/**
 * A reduction that handles empty tensors.
 *
 * @param stock The previous kernel, for all other cases.
 */
export function reductionKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  const valueOf = REDUCTIONS_OF_NOTHING[name]!;
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const { axis, reductionIndices, keepDims } = call.attrs as unknown as
      & tf.SumAttrs
      & tf.MaxAttrs;
    const axes = tf.util.parseAxisParam(axis ?? reductionIndices, x.shape);
    assertEachOnce(axes);
    if (tf.util.sizeFromShape(x.shape) > 0) return stock(call);
    const shape = reducedShape(x.shape, axes, keepDims);
    const dtype = name === "Mean" ? "float32" : x.dtype;
    return fill(call.backend, shape, dtype, valueOf(dtype));
  };
}

/**
 * A matrix product whose inner size may be 0, which gives zeros plus a bias.
 *
 * @param stock The previous kernel, for all other cases.
 */
export function productKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    const { transposeA, transposeB } = call
      .attrs as unknown as tf.BatchMatMulAttrs;
    const inner = [
      a.shape.at(transposeA ? -2 : -1),
      b.shape.at(transposeB ? -1 : -2),
    ];
    if (!inner.every((size) => size === 0)) return stock(call);
    // An inner size of 1 with zeros gives the same as the empty sum.
    const one = (x: tf.TensorInfo, axis: number) =>
      fill(call.backend, x.shape.with(axis, 1), x.dtype, 0);
    const zeros = {
      a: one(a, transposeA ? -2 : -1),
      b: one(b, transposeB ? -1 : -2),
    };
    try {
      return stock({ ...call, inputs: { ...call.inputs, ...zeros } });
    } finally {
      for (const { dataId } of Object.values(zeros)) {
        (call.backend as tf.KernelBackend).disposeData(dataId);
      }
    }
  };
}

/** A tensor filled with one value. */
export function fill(
  backend: unknown,
  shape: number[],
  dtype: tf.DataType,
  value: number,
): tf.TensorInfo {
  const values = tf.util
    .makeZerosTypedArray(tf.util.sizeFromShape(shape), dtype as "float32")
    .fill(value);
  return {
    dataId: (backend as tf.KernelBackend).write(values, shape, dtype),
    shape,
    dtype,
  };
}
