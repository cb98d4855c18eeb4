/** Kernels of WebGPU whose results are right, but have a wrong shape. @module */
import * as tf from "@tensorflow/tfjs-core";
import { reducedShape } from "./kernel_call.ts";

/** The kernels that are given a shape, by what it should be. */
const SHAPES: Readonly<
  Record<string, (call: Parameters<tf.KernelFunc>[0]) => number[]>
> = {
  Imag: ({ inputs }) => (inputs["input"] as tf.TensorInfo).shape,
  Prod({ inputs, attrs }) {
    const { shape } = inputs["x"] as tf.TensorInfo;
    const { axis, keepDims } = attrs as unknown as tf.ProdAttrs;
    return reducedShape(shape, tf.util.parseAxisParam(axis, shape), keepDims);
  },
  Real: ({ inputs }) => (inputs["input"] as tf.TensorInfo).shape,
};

/**
 * A kernel whose result has the shape that it should have.
 *
 * @param stock The previous kernel, whose result has as many numbers.
 */
export function shapedKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  const shapeOf = SHAPES[name]!;
  return (call) => ({ ...stock(call) as tf.TensorInfo, shape: shapeOf(call) });
}
