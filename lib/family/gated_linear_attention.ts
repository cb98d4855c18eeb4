/** Gated linear attention (GLA), with one decay per channel. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
import {
  type Checked,
  type FamilyOptions,
  type Model,
  runModel,
} from "./inputs.ts";

/** Inputs of {@linkcode gatedLinearAttention}. */
export interface GatedLinearAttentionInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * Natural logarithm of each channel's decay on arriving at each token,
   * `[batch, heads, length, headDim]`, <= 0.
   */
  logDecay: tf.Tensor;
}

const MODEL = {
  name: "gatedLinearAttention",
  inputs: { q: "keys", k: "keys", v: "values", logDecay: "per channel" },
} as const satisfies Model<GatedLinearAttentionInputs>;

/** {@linkcode GatedLinearAttentionInputs} whose axes are known. */
export type CheckedGatedLinearAttentionInputs = Checked<typeof MODEL>;

/**
 * Gated linear attention (GLA): one decay per token and key channel.
 *
 *     S_i = diag(α_i) S_{i-1} + k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, it is Theorem B.1 with log decays log α, applied on arrival. Not
 * normalised.
 *
 * Source: Yang et al. 2023 (arXiv:2312.06635), equation 3.
 *
 * @example One channel forgets, the other remembers
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gatedLinearAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const logDecay: tf.Tensor4D = tf.tensor4d([0, -60, 0, -60], [1, 1, 2, 2]);
 * const options = { causal: true, scale: 1 };
 * const y = gatedLinearAttention({ q, k: q, v, logDecay }, options);
 * assertAlmostEquals((await y.data())[1]!, 3 + 2 * 5, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode GatedLinearAttentionInputs}.
 * @param options See {@linkcode FamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function gatedLinearAttention(
  inputs: GatedLinearAttentionInputs,
  options: FamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, logDecay }, { lionAttention }) => {
      const decay = diagonalDecay(logDecay, { convention: "arrival" });
      return lionAttention(q, k, v, { decay, normalize: false });
    },
  );
}
