/**
 * Kernels of the cpu backend that write where indices say, to none of their inputs.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { ReadIndices } from "../index_checks.ts";
import { made, valuesOf, zeros } from "./values.ts";

/** Reads indices of the cpu backend, where all are in memory. */
export function readIndices(backend: unknown): ReadIndices {
  return (x) => valuesOf(backend, x) as Int32Array;
}

/** The kernel `OneHot`, in the requested type; for an index out of range, no entry is "on". */
export const oneHot: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const indices = inputs["indices"] as tf.TensorInfo;
  const { depth, onValue, offValue, dtype } =
    attrs as unknown as tf.OneHotAttrs;
  const shape = [...indices.shape, depth];
  const values = zeros(shape, dtype).fill(offValue);
  valuesOf(backend, indices).forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return made(backend, shape, dtype, values);
};

/**
 * The kernel `UnsortedSegmentSum`, in the type of its argument; as in TensorFlow, ids out
 * of range are dropped.
 */
export const unsortedSegmentSum: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const shape = [numSegments, ...x.shape.slice(1)];
  const sums = zeros(shape, x.dtype), rows = valuesOf(backend, x);
  const size = sums.length / numSegments;
  valuesOf(backend, segmentIds).forEach((id, row) => {
    if (id < 0 || id >= numSegments) return;
    for (let i = 0; i < size; i++) {
      sums[id * size + i]! += rows[row * size + i]!;
    }
  });
  return made(backend, shape, x.dtype, sums);
};

/**
 * The kernels `ScatterNd`, which adds rows, and `SparseToDense` and
 * `TensorScatterUpdate`, which put them in the place of others: of several in one
 * place, the last one. `stock` gets strings; indices have been checked.
 */
export function scatterKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const { backend } = call;
    const inputs = call.inputs as Record<string, tf.TensorInfo>;
    const { tensor, indices = inputs["sparseIndices"]! } = inputs;
    const { updates = inputs["sparseValues"]!, defaultValue } = inputs;
    if (updates.dtype === "string") return stock(call);
    const attributes = call.attrs as unknown as
      & Partial<tf.ScatterNdAttrs>
      & Partial<tf.SparseToDenseAttrs>;
    const shape = tensor?.shape ?? attributes.shape ?? attributes.outputShape!;
    const { sliceRank: depth, numUpdates, sliceSize, strides } = tf.backend_util
      .calculateShapes(updates, indices, shape);
    const values = tensor
      ? valuesOf(backend, tensor).slice()
      : zeros(shape, updates.dtype);
    if (defaultValue) values.fill(valuesOf(backend, defaultValue)[0]!);
    const all = valuesOf(backend, indices), rows = valuesOf(backend, updates);
    const isSum = name === "ScatterNd", isOne = updates.shape.length === 0;
    for (let place = 0; place < numUpdates; place++) {
      let row = 0;
      for (let axis = 0; axis < depth; axis++) {
        row += all[place * depth + axis]! * strides[axis]!;
      }
      for (let i = 0; i < sliceSize; i++) {
        const at = row * sliceSize + i;
        const value = rows[isOne ? 0 : place * sliceSize + i]!;
        values[at] = isSum ? values[at]! + value : value;
      }
    }
    return made(backend, shape, updates.dtype, values);
  };
}

/**
 * The kernels `Bincount` and `DenseBincount`, which count numbers below `size`, or add
 * up their weights, or say with `binaryOutput` whether there are any. Numbers have been
 * checked: none is negative.
 */
export function bincountKernel(name: string): tf.KernelFunc {
  return ({ inputs, backend, attrs }) => {
    const { x, weights } = inputs as Record<"x" | "weights", tf.TensorInfo>;
    const { size, binaryOutput } = attrs as unknown as tf.DenseBincountAttrs;
    const rows = name === "Bincount" ? [] : x.shape.slice(0, -1);
    const numbers = valuesOf(backend, x), all = valuesOf(backend, weights);
    const each = numbers.length / tf.util.sizeFromShape(rows);
    const bins = zeros([...rows, size], weights.dtype);
    const isWeighted = all.length > 0 && !binaryOutput;
    numbers.forEach((bin, at) => {
      if (bin >= size) return;
      const place = Math.floor(at / each) * size + bin;
      if (binaryOutput) bins[place] = 1;
      else bins[place]! += isWeighted ? all[at]! : 1;
    });
    return made(backend, [...rows, size], weights.dtype, bins);
  };
}
