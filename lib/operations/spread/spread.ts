/** Repetition of a tensor along its axes. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";

/** The kernel of {@linkcode spread} over the first axis, `batch` times. */
export const SPREAD: Operation<"y"> = {
  kernel: "LionSpread",
  gradientsIn: ["x"],
  outputs: ["y"],
  gradientInputs: [],
  plain: (
    { x }: { readonly x: tf.Tensor },
    { batch }: { readonly batch: number },
  ) => ({ y: spreadPlainly(x, [batch, ...x.shape.slice(1)]) }),
};

/**
 * Like tf.broadcastTo, but with a gradient of a single sum, where that of
 * tf.broadcastTo runs two kernels per repetition.
 */
export function spread(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (tf.util.arraysEqual(x.shape, shape)) return x;
  const [batch, ...others] = shape;
  const isOfBatch = tf.util.arraysEqual(x.shape, [1, ...others]);
  return isOfBatch && hasKernel(SPREAD)
    ? runKernel(SPREAD, { x }, { batch }).y
    : spreadPlainly(x, shape);
}

function spreadPlainly(x: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.mul(x, tf.ones(shape));
}
