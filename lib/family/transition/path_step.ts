/** PaTH attention on a sequence that arrives in parts. @module */
import * as tf from "@tensorflow/tfjs-core";
import { spread } from "../../operations/spread/spread.ts";
import {
  type ValueCache,
  withNext,
} from "../../attention/streaming/softmax_step.ts";
import { transitionStep } from "../../attention/streaming/transition_step.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import type { CheckedPathAttentionInputs } from "./path_attention.ts";

/** The cache of PaTH: values and keys of the tokens so far. */
export type PathState = ValueCache & {
  /** Keys, as all tokens so far have changed them, `[batch, heads, headDim, length]`. */
  readonly keys: tf.Tensor4D;
};

/**
 * Applies `pathAttention` to the next tokens, one or many. Together, the steps
 * return what `pathAttention` returns with `causal: true` for the whole
 * sequence. Call it inside `tf.tidy`.
 *
 * @param before The state so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @param mask `[batch, length]`, 1 for a token, 0 for padding, which is
 * skipped.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function pathStep(
  before: PathState | undefined,
  { q, k, v, w, beta, logDecay }: CheckedPathAttentionInputs,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: PathState } {
  const [batch, heads, length, headDim] = q.shape;
  const earlier = before?.keys.shape[3] ?? 0;
  const shape = [batch, heads, headDim, length] as const;
  // Each token writes its key into a column of its own.
  const columns = tf.pad(tf.eye(length), [[0, 0], [earlier, 0]]);
  const all = earlier + length;
  const { y: scores, state: keys } = transitionStep(
    before ? tf.concat([before.keys, tf.zeros([...shape])], 3) : null,
    {
      ...{ q, k, mask },
      v: spread(
        tf.reshape(columns, [1, 1, length, all]),
        [batch, heads, length, all],
      ),
      a: tf.neg(w),
      b: tf.mul(tf.expandDims(beta, 3), w),
    },
  );
  const steps = logDecay &&
    tf.squeeze<tf.Tensor3D>(
      withoutPadding(tf.expandDims(logDecay, 3) as tf.Tensor4D, mask),
      [3],
    );
  const next = { q, v, mask, logDecay: steps };
  const { cache, attend } = withNext(before, next);
  return { y: attend(scores), state: { ...cache, keys } };
}
