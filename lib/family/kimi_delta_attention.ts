/** Kimi Delta Attention: the delta rule with one decay per channel. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
import type { DeltaNetInputs } from "./delta_net.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "./inputs.ts";

/** Inputs of {@linkcode kimiDeltaAttention}. */
export interface KimiDeltaAttentionInputs extends DeltaNetInputs {
  /**
   * Natural logarithm of each channel's decay on arriving at each token,
   * `[batch, heads, length, headDim]`, <= 0.
   */
  logDecay: tf.Tensor;
}

const MODEL = {
  name: "kimiDeltaAttention",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    beta: "per token",
    logDecay: "per channel",
  },
} as const satisfies Model<KimiDeltaAttentionInputs>;

/**
 * Kimi Delta Attention: each token decays every channel at its own rate, and
 * replaces the value that the state holds for the token's key.
 *
 *     S_i = (I - β_i k_i k_iᵀ) diag(α_i) S_{i-1} + β_i k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, its decay is a matrix, (I - β k kᵀ) diag(α), applied on arrival; in
 * both directions, a token's own contribution counts once. Not normalised.
 * Padding is skipped.
 *
 * Source: Kimi Team 2025 (arXiv:2510.26692), equation 1.
 *
 * @example A channel that forgets, and one that remembers
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { kimiDeltaAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.tensor4d([0.6, 0.8, 0, 1], [1, 1, 2, 2]);
 * const q: tf.Tensor4D = tf.tensor4d([1, 0, 1, 0], [1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([10, 0], [1, 1, 2, 1]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 2]);
 * const logDecay: tf.Tensor4D = tf.tensor4d([0, 0, -1, 0], [1, 1, 2, 2]);
 * const options = { causal: true, scale: 1 };
 * const y = kimiDeltaAttention({ q, k, v, beta, logDecay }, options);
 * assertAlmostEquals((await y.data())[1]!, 6 * Math.exp(-1), 1e-5);
 * ```
 *
 * @param inputs See {@linkcode KimiDeltaAttentionInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function kimiDeltaAttention(
  inputs: KimiDeltaAttentionInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, beta, logDecay }, { deltaAttention }) => {
      const decay = diagonalDecay(logDecay, { convention: "arrival" });
      return deltaAttention(q, k, v, beta, { decay });
    },
  );
}
