/** The full form: attention as one masked matrix product. @module */
import * as tf from "@tensorflow/tfjs-core";
import { decayedScores } from "./decayed_scores.ts";
import type { Form } from "./form.ts";
import { isDiagonal } from "../decays/decay_pair.ts";
import { mask } from "../decays/mask.ts";

/**
 * The full form, Y = (Q Kᵀ ∘ M) V. Quadratic in the length, in time and in memory; the
 * shortest and clearest form, and the fastest on short sequences.
 *
 * Source: LION (arXiv:2502.16249), the full linear attention; with diagonal decays,
 * Theorem B.1.
 */
export const full: Form = (q, k, v, pair) => {
  if (pair && isDiagonal(pair)) return tf.matMul(decayedScores(q, k, pair), v);
  const scores = tf.matMul(q, k, false, true);
  const weights = pair ? tf.mul(scores, mask(pair, q.shape[2])) : scores;
  return tf.matMul(weights, v);
};
