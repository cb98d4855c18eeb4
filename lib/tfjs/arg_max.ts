/** The places of extremes, on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The kernels `ArgMax` and `ArgMin`, which have no axis left of a vector.
 *
 * @param stock The previous kernel, which has one.
 */
export function argumentShapeKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { shape } = call.inputs["x"] as tf.TensorInfo;
    const { axis } = call.attrs as unknown as tf.ArgMaxAttrs;
    const [along] = tf.util.parseAxisParam(axis, shape) as [number];
    const y = stock(call) as tf.TensorInfo;
    return { ...y, shape: shape.toSpliced(along, 1) };
  };
}
