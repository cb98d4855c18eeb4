/** The axis of cumulative kernels. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * A cumulative kernel that counts its axis from the first one, as tfjs's own take it to
 * be, and refuses an axis that is not there.
 */
export function withCountedAxis(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const attributes = call.attrs as unknown as tf.CumsumAttrs;
    const { shape } = call.inputs["x"] as tf.TensorInfo;
    const axis = tf.util.parseAxisParam(attributes.axis, shape)[0]!;
    return stock({ ...call, attrs: { ...call.attrs, axis } });
  };
}
