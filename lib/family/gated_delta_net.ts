/** Gated DeltaNet: the delta rule with one decay per token. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../attention/decays/decay.ts";
import type { DeltaNetInputs } from "./delta_net.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "./inputs.ts";

/** Inputs of {@linkcode gatedDeltaNet}. */
export interface GatedDeltaNetInputs extends DeltaNetInputs {
  /**
   * Natural logarithm of the decay on arriving at each token,
   * `[batch, heads, length]`, <= 0.
   */
  logDecay: tf.Tensor;
}

const MODEL = {
  name: "gatedDeltaNet",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    beta: "per token",
    logDecay: "per token",
  },
} as const satisfies Model<GatedDeltaNetInputs>;

/**
 * Gated DeltaNet: each token decays the whole state, and replaces the value
 * that it holds for the token's key.
 *
 *     S_i = e^{g_i} (I - β_i k_i k_iᵀ) S_{i-1} + β_i k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, its decay is a matrix, e^g (I - β k kᵀ), applied on arrival; in both
 * directions, a token's own contribution counts once. Not normalised. Padding
 * is skipped.
 *
 * Source: Yang et al. 2024 (arXiv:2412.06464), section 3.1.
 *
 * @example The values of other keys decay too
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gatedDeltaNet } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]);
 * const q: tf.Tensor4D = tf.tensor4d([1, 0, 1, 0], [1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 2]);
 * const logDecay: tf.Tensor3D = tf.fill([1, 1, 2], Math.log(0.5));
 * const options = { causal: true, scale: 1 };
 * const y = gatedDeltaNet({ q, k, v, beta, logDecay }, options);
 * assertAlmostEquals((await y.data())[1]!, 1.5, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode GatedDeltaNetInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function gatedDeltaNet(
  inputs: GatedDeltaNetInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, beta, logDecay }, { deltaAttention }) => {
      const decay = selectiveDecay(logDecay, { convention: "arrival" });
      return deltaAttention(q, k, v, beta, { decay });
    },
  );
}
