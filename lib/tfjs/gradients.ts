/** Gradients in the place of those of tfjs-core that are wrong, or slow. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "../contract/kernel.ts";

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
 * The gradient of a product over some axes: in each element, the product of those
 * before it and those behind it.
 */
export const productGradient: GradFunc = (gradient, saved, attrs) => {
  const [x] = saved as [tf.Tensor], { shape } = x;
  const { axis } = attrs as unknown as tf.ProdAttrs;
  const axes = tf.util.parseAxisParam(axis, shape);
  const kept = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const moved = order.map((axis) => shape[axis]!);
  return {
    x: () => {
      const lines = tf.reshape(tf.transpose(x, order), [
        ...moved.slice(0, kept.length),
        tf.util.sizeFromShape(moved.slice(kept.length)),
      ]);
      const others = tf.mul(
        tf.cumprod(lines, kept.length, true),
        tf.cumprod(lines, kept.length, true, true),
      );
      const slopes = tf.transpose(
        tf.reshape(others, moved),
        tf.backend_util.getUndoAxesPermutation(order),
      );
      const each = shape.map((size, i) => axes.includes(i) ? 1 : size);
      return tf.mul(tf.reshape(gradient as tf.Tensor, each), slopes);
    },
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

/**
 * The gradient of softmax, y (dy - Σ dy y), which not every backend has a kernel of. It
 * has none in `y`, as tfjs does not record what a saved result is the result of.
 */
export const SOFTMAX_GRADIENT = {
  kernel: "LionSoftmaxGradient",
  gradientsIn: ["dy"],
  outputs: ["dx"],
} as const satisfies Operation;

/** The gradient of softmax along the last axis: one kernel, where there is one. */
export const softmaxGradient: GradFunc = (gradient, saved) => {
  const dy = gradient as tf.Tensor, [y] = saved as [tf.Tensor];
  return {
    logits: () =>
      hasKernel(SOFTMAX_GRADIENT)
        ? runKernel(SOFTMAX_GRADIENT, { y, dy }).dx
        : tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true))),
  };
};
