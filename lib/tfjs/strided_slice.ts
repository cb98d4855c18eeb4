/** Strided slices that are empty, or have other axes than what they are taken of. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The part of a cpu or WebGPU backend that makes a tensor of values. */
interface Backend {
  makeTensorInfo(
    shape: number[],
    dtype: tf.DataType,
    values: number[],
  ): tf.TensorInfo;
}

/**
 * The kernel `StridedSlice`: it slices along all axes, and only then leaves some out or
 * puts new ones in.
 *
 * @param stock The previous kernel.
 */
export function stridedSliceKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { shape, dtype } = call.inputs["x"] as tf.TensorInfo;
    const given = call.attrs as unknown as tf.StridedSliceAttrs;
    const info = tf.slice_util.sliceInfo(
      shape,
      given.begin,
      given.end,
      given.strides,
      given.beginMask,
      given.endMask,
      given.ellipsisMask,
      given.newAxisMask,
      given.shrinkAxisMask,
    );
    const { begin, end, strides, finalShape } = info;
    if (tf.util.sizeFromShape(finalShape) === 0) {
      return (call.backend as Backend).makeTensorInfo(finalShape, dtype, []);
    }
    if ((given.newAxisMask | given.shrinkAxisMask) === 0) return stock(call);
    const attrs = {
      ...{ begin, end, strides, beginMask: 0, ellipsisMask: 0 },
      ...{ newAxisMask: 0, shrinkAxisMask: 0 },
      // An end before the first element, which as a number would be counted from the last element.
      endMask: end.reduce(
        (mask, end, axis) => end < 0 ? mask | 1 << axis : mask,
        0,
      ),
    };
    const slice = stock({ ...call, attrs }) as tf.TensorInfo;
    return { ...slice, shape: finalShape };
  };
}
