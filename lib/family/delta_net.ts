/** DeltaNet: linear attention with the delta rule, without a gate. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { type DeltaFamilyOptions, type Model, runModel } from "./inputs.ts";

/** Inputs of {@linkcode deltaNet}. */
export interface DeltaNetInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, each of unit length, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * The writing strength β: how much of the old value each token replaces,
   * `[batch, heads, length]`, from 0 to 1 or 2.
   */
  beta: tf.Tensor;
}

const MODEL = {
  name: "deltaNet",
  inputs: { q: "keys", k: "keys", v: "values", beta: "per token" },
} as const satisfies Model<DeltaNetInputs>;

/**
 * DeltaNet: each token replaces the value that the state holds for its key.
 *
 *     S_i = (I - β_i k_i k_iᵀ) S_{i-1} + β_i k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, its decay is a matrix, I - β k kᵀ, applied on arrival; in both
 * directions, a token's own contribution counts once (appendix B.7). Not
 * normalised. Padding is skipped.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), section 2.2.
 *
 * @example The same key again: the new value, not the sum
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { deltaNet } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 2]);
 * const y = await deltaNet({ q, k: q, v, beta }, { causal: true }).data();
 * assertAlmostEquals(y[1]!, 5, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode DeltaNetInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function deltaNet(
  inputs: DeltaNetInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, beta }, { deltaAttention }) => {
      return deltaAttention(q, k, v, beta);
    },
  );
}
