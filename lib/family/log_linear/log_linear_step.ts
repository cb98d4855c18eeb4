/** Log-linear attention on a sequence that arrives in parts. @module */
import * as tf from "@tensorflow/tfjs-core";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { mask as maskOf } from "../../attention/decays/mask.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { isOfLevel, levelsOfPairs, weightsOfPairs } from "./levels.ts";
import type { CheckedLogLinearAttentionInputs } from "./log_linear_attention.ts";

/** The state of log-linear attention after the earlier tokens. */
export type LogLinearState = {
  /**
   * Decayed sums of outer products of the tokens that the next token finds at
   * each level, `[batch, heads, levels, headDim, valueDim]`; at level 0 none.
   */
  readonly sums: tf.Tensor5D;
  /** How many tokens there were, `[batch, 1]`. */
  readonly place: tf.Tensor2D;
};

/**
 * Applies `logLinearAttention` to the next tokens, one or many. Together, the
 * steps return what `logLinearAttention` returns with `causal: true` for the
 * whole sequence, of up to 2^(levels - 1) tokens; later tokens read all that is
 * further away at the last level. Call it inside `tf.tidy`.
 *
 * @param before The state so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @param mask `[batch, length]`, 1 for a token, 0 for padding, which is
 * skipped.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function logLinearStep(
  before: LogLinearState | undefined,
  inputs: CheckedLogLinearAttentionInputs,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: LogLinearState } {
  const present = (x: tf.Tensor4D) => withoutPadding(x, mask);
  const q = present(inputs.q), k = present(inputs.k), v = present(inputs.v);
  const scales = present(inputs.levelScales);
  const [batch, heads, length, headDim] = q.shape;
  const valueDim = v.shape[3], levels = scales.shape[3];
  const steps = present(tf.expandDims(finite(inputs.logDecay), 3));
  const { sums, place } = before ?? {
    sums: tf.zeros([batch, heads, levels, headDim, valueDim]),
    place: tf.zeros([batch, 1]),
  } as LogLinearState;

  const isToken = mask ?? tf.ones<tf.Rank.R2>([batch, length]);
  const counts: tf.Tensor2D = tf.cumsum(isToken, 1);
  // At padding any place will do, since nothing is read or written there.
  const places: tf.Tensor2D = tf.add(place, tf.sub(counts, isToken));
  const end: tf.Tensor2D = tf.add(place, tf.sum(isToken, 1, true));
  const starts = blockStarts(place, levels);
  const sharesOf = (from: tf.Tensor2D) =>
    weightsOfPairs(
      tf.reshape(scales, [batch * heads, length, levels]),
      levelsOfPairs(places, from, levels),
    );

  const among = maskOf(
    { forward: tf.squeeze(steps, [3]), backward: null },
    length,
  );
  const scores = tf.mul(tf.matMul(q, k, false, true), among);
  const own = tf.matMul(
    tf.mul(scores, tf.reshape(sharesOf(places), scores.shape)),
    v,
  );

  const passed = tf.exp(tf.cumsum(steps, 2));
  const found = tf.matMul(
    tf.reshape(tf.mul(q, passed), [batch, heads, 1, length, headDim]),
    sums,
  );
  const shares = tf.reshape(
    tf.transpose(sharesOf(starts), [0, 2, 1]),
    [batch, heads, levels, length, 1],
  );
  const earlier = tf.sum(tf.mul(found, shares), 2) as tf.Tensor4D;

  // The next token finds states and tokens at the levels that its place gives them.
  const at = (from: tf.Tensor2D) =>
    isOfLevel(tf.squeeze(levelsOfPairs(end, from, levels), [1]), levels);
  const kept = tf.mul(
    tf.reshape(sums, [batch, heads, levels, headDim * valueDim]),
    tf.exp(tf.sum(steps, 2, true)),
  );
  const moved = tf.matMul(tf.expandDims(at(starts), 1), kept);
  const written = tf.mul(k, tf.exp(tf.cumsum(steps, 2, true, true)));
  const news = tf.matMul(
    tf.mul(
      tf.expandDims(written, 2),
      tf.reshape(at(places), [batch, 1, levels, length, 1]),
    ),
    tf.expandDims(v, 2),
    true,
  );
  return {
    y: present(tf.add(own, earlier)),
    state: {
      sums: tf.add(tf.reshape(moved, sums.shape), news),
      place: end,
    },
  };
}

/**
 * The first place of the block that the token at a place finds at each level:
 * for the last one, which may hold all that is further away, the first of all.
 *
 * @param place `[batch, 1]`
 * @returns `[batch, levels]`
 */
function blockStarts(place: tf.Tensor2D, levels: number): tf.Tensor2D {
  const sizes = tf.tensor1d(
    Array.from({ length: levels - 1 }, (_, i) => 2 ** i),
  );
  const starts = tf.mul(tf.floor(tf.div(place, sizes)), sizes);
  return tf.pad(starts as tf.Tensor2D, [[0, 0], [0, 1]]);
}
