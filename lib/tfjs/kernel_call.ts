/** Helpers with which kernels of several backends call others, and share values. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The result of a backend's kernel, which is called past the engine. */
export function callKernel(
  backendName: string,
  name: string,
  backend: object,
  inputs: tf.NamedTensorInfoMap,
  attributes: object = {},
): tf.TensorInfo {
  const attrs = attributes as tf.NamedAttrMap;
  return tf.getKernel(name, backendName)!
    .kernelFunc({ inputs, backend, attrs }) as tf.TensorInfo;
}

/** A tensor that shares another one's values, by counting a reference to them. */
export function refer(
  backend: tf.KernelBackend,
  { dataId, shape, dtype }: tf.TensorInfo,
): tf.TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/**
 * Throws if a reduction is given an axis twice, such as 1 and -1 of two axes: one
 * backend reduces it once, another one twice.
 *
 * @param axes The axes, counted from the first.
 */
export function assertEachOnce(axes: readonly number[]): void {
  if (axes.length < 2 || new Set(axes).size === axes.length) return;
  throw new RangeError(
    `axis should have each axis once, got ${axes.join(" and ")}`,
  );
}

/** The shape of what a reduction over some axes results in. */
export function reducedShape(
  shape: readonly number[],
  axes: readonly number[],
  keepDims: boolean,
): number[] {
  assertEachOnce(axes);
  const reduced: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (!axes.includes(axis)) reduced.push(shape[axis]!);
    else if (keepDims) reduced.push(1);
  }
  return reduced;
}

/** The number of a tensor's elements. */
export function sizeOf({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape);
}

/** The strides in an array along each axis of the shape to which it is broadcast. */
export function stridesIn(
  own: readonly number[],
  shape: readonly number[],
): number[] {
  const missing = shape.length - own.length;
  return shape.map((_, axis) => {
    const at = axis - missing;
    if (at < 0 || own[at] === 1) return 0;
    return tf.util.sizeFromShape(own.slice(at + 1));
  });
}
