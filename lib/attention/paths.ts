/** Which decays lie between two tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectTokens } from "../operations/padding.ts";
import type { LogDecayPair } from "./decay_pair.ts";
import type { DiagonalDecayPair } from "./form.ts";

/**
 * The same log decays, with gradients that are exactly zero before the first
 * token and after the last one, where there is only padding and no state to
 * decay.
 *
 * A kernel subtracts two sums, which leaves a rounding error where they are
 * equal. Adam divides by the usual size of a gradient and so turns such errors
 * into full steps: the vectors of positions that have only ever been padding
 * would drift.
 *
 * @param pair Paid on arrival, `[batch, heads, length, ...]`. A tensor with a
 * batch axis of 1, shared by all sequences, is returned unchanged.
 * @param tokens `[batch, length]`, 0 at padding.
 */
export function betweenTokens<P extends LogDecayPair | DiagonalDecayPair>(
  pair: P,
  tokens: tf.Tensor2D,
): P {
  const { forward, backward } = pair;
  if (forward.shape[0] !== tokens.shape[0]) return pair;
  return {
    forward: gated(forward, tokens, tf.less, tf.lessEqual),
    backward: backward && gated(backward, tokens, tf.lessEqual, tf.less),
  } as P;
}

/**
 * Lets the gradient pass only where `isAfter(first, place)` and
 * `isBefore(place, last)`.
 */
function gated(
  logDecay: tf.Tensor,
  tokens: tf.Tensor2D,
  isAfter: typeof tf.less,
  isBefore: typeof tf.less,
): tf.Tensor {
  const gate = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([tokens]);
    const gradFunc = (dy: tf.Tensor, [tokens]: tf.Tensor[]) => {
      const [batch, length] = tokens!.shape as [number, number];
      const isToken = tf.notEqual(tokens!, 0);
      const places = tf.range(0, length);
      const first = tf.min(tf.where(isToken, places, length), 1, true);
      const last = tf.max(tf.where(isToken, places, -1), 1, true);
      const isBetween = tf.logicalAnd(
        isAfter(first, places),
        isBefore(places, last),
      );
      const [, heads, , channels = 1] = dy.shape;
      const shape = [batch, heads!, length, channels] as [
        number,
        number,
        number,
        number,
      ];
      const rows: tf.Tensor4D = tf.reshape(dy, shape);
      const mask = tf.cast(isBetween, "float32") as tf.Tensor2D;
      return tf.reshape(selectTokens(rows, mask), dy.shape);
    };
    return { value: tf.clone(x as tf.Tensor), gradFunc };
  });
  return gate(logDecay);
}
