/** Forgetting attention (FoX): softmax attention with a forget gate. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { optionsOf } from "@lionjs/base";
import { selectiveDecay } from "../attention/decays/decay.ts";
import { softmaxAttention } from "../attention/softmax_attention.ts";
import { type Model, runModel, type WholeSequenceOptions } from "./inputs.ts";

/** Inputs of {@linkcode forgettingAttention}. */
export interface ForgettingAttentionInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * Natural logarithm of the decay on arriving at each token,
   * `[batch, heads, length]`, <= 0: the model's log σ of its forget gate's logit.
   */
  logDecay: tf.Tensor;
}

/** Options of {@linkcode forgettingAttention}, which has a single form. */
export interface ForgettingAttentionOptions
  extends Omit<WholeSequenceOptions, "form" | "chunkSize"> {}

const MODEL = {
  name: "forgettingAttention",
  inputs: { q: "keys", k: "keys", v: "values", logDecay: "per token" },
  options: optionsOf<ForgettingAttentionOptions>()(
    "causal scale mask segments",
  ),
} as const satisfies Model<ForgettingAttentionInputs>;

/**
 * Forgetting attention, FoX: the weights of softmax attention fade as tokens
 * arrive.
 *
 *     y_i = Σ_j M_ij e^(s q_i · k_j) v_j / Σ_j M_ij e^(s q_i · k_j)
 *     M_ij = e^(g_{j+1} + … + g_i) for j <= i
 *
 * In LION, M is the mask of LION-S, with log decays g applied on arrival; in both
 * directions, one softmax is over the tokens of both sides. A log decay of 0 makes
 * it softmax attention, and a constant one ALiBi. Padding is never read, but its
 * decays still apply.
 *
 * It takes time in proportion to the square of the length, and reads all tokens, so
 * that ranks cannot share them.
 *
 * Source: Lin et al. 2025 (arXiv:2503.02130), section 3; both directions are ours.
 *
 * @example What was forgotten has no weight
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { forgettingAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.zeros([1, 1, 3, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([1, 2, 3], [1, 1, 3, 1]);
 * const logDecay: tf.Tensor3D = tf.tensor3d([0, -Infinity, Math.log(0.5)], [1, 1, 3]);
 * const y = forgettingAttention({ q, k: q, v, logDecay }, { causal: true });
 * const [first, second, third] = await y.data();
 * assertAlmostEquals(first!, 1, 1e-6);
 * assertAlmostEquals(second!, 2, 1e-6); // 1 is forgotten
 * assertAlmostEquals(third!, (0.5 * 2 + 3) / 1.5, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode ForgettingAttentionInputs}.
 * @param options See {@linkcode ForgettingAttentionOptions}; the scale is
 * 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function forgettingAttention(
  inputs: ForgettingAttentionInputs,
  options: ForgettingAttentionOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, logDecay }) =>
      softmaxAttention(q, k, v, {
        ...options,
        decay: selectiveDecay(logDecay, { convention: "arrival" }),
      }),
  );
}
