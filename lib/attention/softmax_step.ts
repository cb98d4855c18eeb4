/** Softmax attention over a sequence that comes in pieces: it keeps all of it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { softmaxAttention } from "./softmax_attention.ts";

/** The keys and values of the tokens so far. */
export type SoftmaxState = {
  /** `[batch, heads, length, headDim]` */
  readonly k: tf.Tensor4D;
  /** `[batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** `[batch, length]`, 0 at padding. */
  readonly tokens: tf.Tensor2D;
};

/** The tokens that come next. */
export interface SoftmaxInput {
  /** `[batch, heads, length, headDim]` */
  readonly q: tf.Tensor4D;
  /** `[batch, heads, length, headDim]` */
  readonly k: tf.Tensor4D;
  /** `[batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** `[batch, length]`, 1 for a token and 0 for padding, which is never read. */
  readonly mask?: tf.Tensor2D | undefined;
}

/** Below all scores, and finite, so that a row of padding alone is not NaN. */
const LOWEST = -3.4e38;

/**
 * Causal softmax attention of the next tokens, one or many, to themselves and to
 * all before. Many steps give what `softmaxAttention` gives with `causal: true` on
 * the whole sequence; scale 1 / sqrt(headDim). A token costs as much as there are
 * tokens before it.
 *
 * @param state What came before, `undefined` before the first token; it stays as
 * it is, and the caller's.
 * @param input The tokens.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function softmaxStep(
  state: SoftmaxState | undefined,
  { q, k, v, mask }: SoftmaxInput,
): { y: tf.Tensor4D; state: SoftmaxState } {
  const [batch, , length, headDim] = q.shape;
  return tf.tidy(() => {
    const tokens: tf.Tensor2D = mask
      ? tf.cast(tf.notEqual(mask, 0), "float32")
      : tf.ones([batch, length]);
    if (!state) {
      const y = softmaxAttention(q, k, v, {
        causal: true,
        ...(mask ? { mask } : {}),
      });
      return { y, state: { k: tf.clone(k), v: tf.clone(v), tokens } };
    }
    const all: SoftmaxState = {
      k: tf.concat([state.k, k], 2),
      v: tf.concat([state.v, v], 2),
      tokens: tf.concat([state.tokens, tokens], 1),
    };
    const keys = all.k.shape[2];
    const place = tf.reshape(tf.range(keys - length, keys), [1, 1, length, 1]);
    const isBefore = tf.lessEqual(tf.range(0, keys), place);
    const isToken = tf.notEqual(tf.reshape(all.tokens, [batch, 1, 1, keys]), 0);
    const scores = tf.div(
      tf.matMul(q, all.k, false, true),
      Math.sqrt(headDim),
    );
    const read = tf.broadcastTo(
      tf.logicalAnd(isBefore, isToken),
      scores.shape,
    );
    const weights = tf.softmax(
      tf.where(read, scores, tf.fill(scores.shape, LOWEST)),
    );
    return { y: tf.matMul(weights, all.v) as tf.Tensor4D, state: all };
  });
}
