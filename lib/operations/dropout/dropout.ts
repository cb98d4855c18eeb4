/** Dropout, given its random numbers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";

/** The kernel of {@linkcode dropout}. */
export const DROPOUT: Operation<"y"> = {
  kernel: "LionDropout",
  gradientsIn: ["x"],
  outputs: ["y"],
  gradientInputs: ["uniform"],
  plain: (
    { x, uniform }: { readonly x: tf.Tensor; readonly uniform: tf.Tensor },
    { keep }: DropoutAttributes,
  ) => ({ y: dropPlainly(x, uniform, keep) }),
};

/** Attributes of the kernel of {@linkcode dropout}. */
export interface DropoutAttributes {
  /** The probability that a value stays. */
  readonly keep: number;
}

/**
 * Sets values to zero and scales the others up, as `tf.dropout` does with the same
 * random numbers. Call it inside `tf.tidy`.
 *
 * @param x Any shape, float32.
 * @param uniform Random numbers from 0 to 1, of the shape of x.
 * @param rate The probability that a value is set to zero, in [0, 1).
 */
export function dropout<T extends tf.Tensor>(
  x: T,
  uniform: tf.Tensor,
  rate: number,
): T {
  const keep = 1 - rate;
  if (hasKernel(DROPOUT)) {
    const attributes: DropoutAttributes = { keep };
    return runKernel(DROPOUT, { x, uniform }, attributes).y as T;
  }
  return dropPlainly(x, uniform, keep);
}

function dropPlainly<T extends tf.Tensor>(
  x: T,
  uniform: tf.Tensor,
  keep: number,
): T {
  return tf.mul(x, tf.div(tf.floor(tf.add(uniform, keep)), keep));
}
