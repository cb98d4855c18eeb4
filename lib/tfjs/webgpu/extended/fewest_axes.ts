/**
 * Kernels of TensorFlow.js that get tensors in as few axes as there can be, since they
 * have a shader for each number of axes.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { refer, sizeOf } from "../../kernel_call.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";

/** The kernels of functions of each element that are TensorFlow.js's. */
export const OF_ELEMENTS: readonly string[] = `
Abs Ceil ClipByValue Floor IsFinite IsInf IsNan LeakyRelu LogicalNot Neg Reciprocal
Relu Round Rsqrt Sigmoid Sign Sqrt Square Step
`.trim().split(/\s+/);

/**
 * A kernel of a function of each element, which gets a vector.
 *
 * @param stock The previous kernel.
 */
export function ofVector(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { dataId, shape, dtype } = call.inputs["x"] as tf.TensorInfo;
    if (shape.length === 1 || dtype === "complex64") return stock(call);
    const x = { dataId, dtype, shape: [shape.reduce((a, b) => a * b, 1)] };
    const inputs = { ...call.inputs, x } as unknown as tf.NamedTensorInfoMap;
    return { ...stock({ ...call, inputs }) as tf.TensorInfo, shape };
  };
}

/**
 * The kernel `Transpose`, which gets axes that stay neighbours as one, and none of a single
 * element; where no other changes its place, nothing is moved.
 *
 * @param stock The previous kernel.
 */
export function transposeKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const { perm } = call.attrs as unknown as tf.TransposeAttrs;
    const isMerged = x.shape.length > 2 && sizeOf(x) > 0 &&
      x.dtype !== "complex64" && x.dtype !== "string";
    if (!isMerged) return stock(call);
    const shape = perm.map((axis) => x.shape[axis]!);
    const { dataId, dtype } = x;
    const merged = mergedAxes(x.shape, perm);
    if (merged.perm.length < 2) {
      const webgpu = call.backend as StrictWebGPUBackend;
      return refer(webgpu, { dataId, dtype, shape });
    }
    const y = stock({
      ...call,
      inputs: { x: { dataId, dtype, shape: merged.shape } },
      attrs: { perm: merged.perm },
    });
    return { ...y as tf.TensorInfo, shape };
  };
}

/** The shape and the permutation of the fewest axes that are transposed alike. */
function mergedAxes(
  shape: readonly number[],
  perm: readonly number[],
): { shape: number[]; perm: number[] } {
  const places = new Map(
    [...shape.keys()].filter((axis) => shape[axis] !== 1)
      .map((axis, place) => [axis, place]),
  );
  /** The first place and the size of each new axis, in the order of the result. */
  const axes: { first: number; size: number }[] = [];
  let before = -2;
  for (const axis of perm) {
    const place = places.get(axis);
    if (place === undefined) continue;
    if (place === before + 1) axes.at(-1)!.size *= shape[axis]!;
    else axes.push({ first: place, size: shape[axis]! });
    before = place;
  }
  const given = axes.toSorted((a, b) => a.first - b.first);
  const sizes = given.map(({ size }) => size);
  const order = axes.map((axis) => given.indexOf(axis));
  // A single matrix goes the way of many, which have a shader anyway.
  return order.length === 2
    ? { shape: [1, ...sizes], perm: [0, 2, 1] }
    : { shape: sizes, perm: order };
}
