/** The decays that lie on a path between two tokens, and those that do not. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { selectTokens } from "../../operations/padding/padding.ts";
import type { DecayPair } from "../decays/decay_pair.ts";

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
 * Returns a pair of log decays unchanged, but with gradients that are exactly zero
 * before the first token and after the last one, where there is only padding and no
 * state to decay.
 *
 * A kernel subtracts two sums, which leaves a rounding error where they are
 * equal. Adam divides by the usual size of a gradient and so turns such errors
 * into full steps: the vectors of positions that have only ever been padding
 * would drift.
 *
 * @param pair Log decays applied on arrival, `[batch, heads, length, ...]`. A tensor with a
 * batch axis of 1, shared by all sequences, is returned unchanged.
 * @param tokens `[batch, length]`, 0 at padding.
 */
export function betweenTokens<P extends DecayPair>(
  pair: P,
  tokens: tf.Tensor2D,
): P {
  const { forward, backward } = pair;
  if (forward.shape[0] !== tokens.shape[0]) return pair;
  return {
    forward: gated(forward, tokens, true),
    backward: backward && gated(backward, tokens, false),
  } as P;
}

/** Lets the gradient pass only between the first token and the last one. */
function gated(
  logDecay: tf.Tensor,
  tokens: tf.Tensor2D,
  forward: boolean,
): tf.Tensor {
  const gate = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([tokens]);
    return {
      value: tf.clone(x as tf.Tensor),
      gradFunc: (dy: tf.Tensor, [tokens]: tf.Tensor[]) =>
        selectBetween(dy, tokens as tf.Tensor2D, forward),
    };
  });
  return gate(logDecay);
}

/** Runs {@linkcode BETWEEN_TOKENS}, as a kernel or in tfjs operations. */
function selectBetween(
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
