/** The mean of the tokens of each sequence. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../padding/padding.ts";

/** The kernel of {@linkcode tokenMean}, with the attribute `length`. */
export const TOKEN_MEAN: Operation<"y"> = {
  kernel: "LionTokenMean",
  gradientsIn: ["x"],
  outputs: ["y"],
  gradientInputs: ["mask"],
  plain: (
    { x, mask }: {
      readonly x: tf.Tensor3D;
      readonly mask?: tf.Tensor2D | undefined;
    },
  ) => ({ y: meanPlainly(x, mask) }),
};

/**
 * The mean of the tokens of each sequence that are not padding, whatever it holds
 * there; 0 where there are none. Call it inside `tf.tidy`.
 *
 * @param x `[batch, length, columns]`
 * @param mask `[batch, length]`, 1 for a token and 0 for padding; not
 * differentiated.
 * @returns `[batch, columns]`
 */
export function tokenMean(x: tf.Tensor3D, mask?: tf.Tensor2D): tf.Tensor2D {
  if (hasKernel(TOKEN_MEAN)) {
    const [, length] = x.shape;
    return runKernel(TOKEN_MEAN, { x, mask }, { length }).y as tf.Tensor2D;
  }
  return meanPlainly(x, mask);
}

function meanPlainly(x: tf.Tensor3D, mask?: tf.Tensor2D): tf.Tensor2D {
  if (!mask) return tf.mean(x, 1);
  const count = tf.maximum(tf.sum(mask, 1, true), 1);
  return tf.div(tf.sum(withoutPadding(x, mask), 1), count);
}
