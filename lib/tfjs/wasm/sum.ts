/** Sums and means of integers as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { Elements } from "./moves/copy_row.ts";

/** The kernel `Sum`, which adds in float64. */
export const sum: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo;
  return reduce(backend as BackendWasm, x, readAxes(x, attrs), x.dtype);
};

/** The kernel `Mean`, like {@linkcode sum}. */
export const mean: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo;
  const wasm = backend as BackendWasm;
  const mean = reduce(wasm, x, readAxes(x, attrs), "float32");
  const values = wasm.typedArrayFromHeap(mean);
  const count = tf.util.sizeFromShape(x.shape) / values.length;
  for (let i = 0; i < values.length; i++) values[i]! /= count;
  return mean;
};

/** The axes to sum over. */
interface Axes {
  /** The axes, in ascending order. */
  readonly axes: readonly number[];
  /** Whether each axis stays as a dimension of size 1. */
  readonly keepDims: boolean;
}

function readAxes(x: tf.TensorInfo, attributes: unknown): Axes {
  const { axis, keepDims } = attributes as tf.SumAttrs;
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
  return { axes, keepDims };
}

function reduce(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  { axes, keepDims }: Axes,
  dtype: tf.DataType,
): tf.TensorInfo {
  const kept = [...x.shape.keys()].filter((axis) => !axes.includes(axis));
  const shape = keepDims
    ? x.shape.map((size, axis) => axes.includes(axis) ? 1 : size)
    : kept.map((axis) => x.shape[axis]!);
  const count = tf.util.sizeFromShape(axes.map((axis) => x.shape[axis]!));
  const inOrder = kept.every((axis, i) => axis === i);
  const rows = inOrder ? x : tf.getKernel("Transpose", "wasm")!.kernelFunc({
    inputs: { x },
    backend: wasm,
    attrs: { perm: [...kept, ...axes] },
  }) as tf.TensorInfo;
  try {
    const output = wasm.makeOutput(shape, dtype);
    addRows(
      wasm.typedArrayFromHeap(output),
      wasm.typedArrayFromHeap(rows),
      count,
    );
    return output;
  } finally {
    if (!inOrder) wasm.disposeData(rows.dataId);
  }
}

/**
 * Adds up rows of `count` numbers, with four partial sums each for parallel
 * execution.
 */
function addRows(sums: Elements, rows: Elements, count: number): void {
  for (let row = 0, at = 0; row < sums.length; row++) {
    const end = at + count;
    let first = 0, second = 0, third = 0, fourth = 0;
    for (; at + 4 <= end; at += 4) {
      first += rows[at]!;
      second += rows[at + 1]!;
      third += rows[at + 2]!;
      fourth += rows[at + 3]!;
    }
    for (; at < end; at++) first += rows[at]!;
    sums[row] = first + second + (third + fourth);
  }
}
