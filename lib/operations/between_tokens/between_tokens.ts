/** Rows between the first token of a sequence and the last. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { selectTokens } from "../padding/padding.ts";

/**
 * The kernel that zeroes decays outside of paths: inputs `x`,
 * `[batch, heads, length, ...]`, and `tokens`, `[batch, length]`; output x with zeros
 * where no path between two tokens arrives. The attribute `forward` says from which side.
 */
export const BETWEEN_TOKENS: Operation<"y"> = {
  kernel: "LionBetweenTokens",
  gradientsIn: [],
  outputs: ["y"],
};

/** Attributes of {@linkcode BETWEEN_TOKENS}. */
export interface BetweenTokensAttributes {
  /** Whether a path arrives from the token before. */
  readonly forward: boolean;
}

/**
 * Copies x, with zeros where no path between two tokens arrives.
 *
 * @param x `[batch, heads, length, …]`, float32.
 * @param tokens `[batch, length]`, 0 at padding.
 * @param forward Whether a path arrives from the token before.
 */
export function selectBetween(
  x: tf.Tensor,
  tokens: tf.Tensor2D,
  forward: boolean,
): tf.Tensor {
  if (hasKernel(BETWEEN_TOKENS)) {
    const attributes: BetweenTokensAttributes = { forward };
    return runKernel(BETWEEN_TOKENS, { x, tokens }, attributes).y;
  }
  const [batch, length] = tokens.shape;
  const [isAfter, isBefore] = forward
    ? [tf.less, tf.lessEqual]
    : [tf.lessEqual, tf.less];
  const isToken = tf.notEqual(tokens, 0);
  const places = tf.range(0, length);
  const first = tf.min(tf.where(isToken, places, length), 1, true);
  const last = tf.max(tf.where(isToken, places, -1), 1, true);
  const isBetween = tf.logicalAnd(
    isAfter(first, places),
    isBefore(places, last),
  );
  const [, heads, , channels = 1] = x.shape;
  const rows: tf.Tensor4D = tf.reshape(x, [batch, heads!, length, channels]);
  const mask = tf.cast(isBetween, "float32") as tf.Tensor2D;
  return tf.reshape(selectTokens(rows, mask), x.shape);
}
