/**
 * Attention by any transition of rank one, in one direction or both.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  attendByTransitions,
  type DeltaAttentionOptions,
} from "./delta_attention.ts";

/** Options of {@linkcode transitionAttention}, those of `deltaAttention`. */
export type TransitionAttentionOptions = DeltaAttentionOptions;

/**
 * Computes attention whose state each token changes by a matrix of rank one:
 *
 *     S_i = (diag(e^{g_i}) + b_i a_iᵀ) S_{i-1} + k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * a reads the state before its decay; a rule that reads after it has e^g ∘ a. Without b,
 * b is k: what is read is written with the value, S_i = e^{g_i} ∘ S_{i-1} + k_i (v_i +
 * S_{i-1}ᵀ a_i)ᵀ. Without a, nothing is read.
 *
 * Without `causal`, the same rule runs from both ends, and a token's own
 * contribution, `s (q_i · k_i) v_i`, counts once. With `steps`, each token is as many
 * transitions, of which the first decays, and q reads after the last; its own
 * contribution is what they write into a state of 0. Differentiable in all vectors and in
 * the tensors of the options, except masks and segments. Integers and booleans are
 * converted to float32.
 *
 * Whether states stay bounded depends on the vectors: for the delta rule, a = -β k and
 * keys of length one, they do; for gates of each channel they may grow for a while.
 *
 * Source: RWKV-7 (Peng et al. 2025, arXiv:2503.14456), equation 17, and the generalised
 * delta rule of flash-linear-attention; with steps, DeltaProduct (arXiv:2502.10297). Both
 * directions as LION (arXiv:2502.16249), appendix B.7.
 *
 * @example The delta rule: a key that comes again replaces its value
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { transitionAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.tensor4d([1, 0, 1, 0], [1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const options = { causal: true, scale: 1 };
 * const y = transitionAttention(k, k, v, tf.neg(k), null, options);
 * const [, second] = await y.data(); // without a it would read 3 + 5
 * assertAlmostEquals(second!, 5, 1e-6);
 * ```
 *
 * @param q Queries, `[batch, heads, length, headDim]`.
 * @param k Keys, `[batch, heads, length · steps, headDim]`.
 * @param v Values, `[batch, heads, length · steps, valueDim]`.
 * @param a What reads the state, in the shape of k; `null` if nothing does.
 * @param b Where that is added, in the shape of k; `null` to add it at k.
 * @param options See {@linkcode TransitionAttentionOptions}.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If a tensor is empty, an option has an invalid value, or there is an
 * initial state without `causal`.
 */
export function transitionAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  a: tf.Tensor | null,
  b: tf.Tensor | null,
  options: TransitionAttentionOptions = {},
): tf.Tensor4D {
  const vectors = { q, k, v, a, b };
  return attendByTransitions("transitionAttention", vectors, options);
}
