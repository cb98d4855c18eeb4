/** Corrected versions of wrong gradients in tfjs-core. @module */
import * as tf from "@tensorflow/tfjs-core";

type GradFunc = tf.GradConfig["gradFunc"];

/**
 * The gradient of a cumulative sum, which runs the other way along the same
 * axis.
 */
export const cumulativeSumGradient: GradFunc = (dy, _saved, attrs) => {
  const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
  return {
    x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse),
  };
};

/**
 * The gradient of a matrix product; gradients of a broadcast batch's copies add
 * up.
 */
export const matmulGradient: GradFunc = (gradient, saved, attrs) => {
  const dy = gradient as tf.Tensor;
  const [a, b] = saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
  const summed = (x: tf.Tensor, like: tf.Tensor) => {
    const axes = tf.broadcast_util.getReductionAxes(like.shape, x.shape);
    return axes.length > 0 ? tf.reshape(tf.sum(x, axes), like.shape) : x;
  };
  return {
    a: () =>
      summed(
        transposeA
          ? tf.matMul(b, dy, transposeB, true)
          : tf.matMul(dy, b, false, !transposeB),
        a,
      ),
    b: () =>
      summed(
        transposeB
          ? tf.matMul(dy, a, true, transposeA)
          : tf.matMul(a, dy, !transposeA, false),
        b,
      ),
  };
};
