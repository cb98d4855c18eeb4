/** RetNet's retention: linear attention with one decay per head. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { fixedDecay } from "../attention/decays/decay.ts";
import { type FamilyOptions, type Model, runModel } from "./inputs.ts";

/** Inputs of {@linkcode retention}. */
export interface RetentionInputs {
  /**
   * Queries, rotated by position if the model does that,
   * `[batch, heads, length, headDim]`.
   */
  q: tf.Tensor;
  /** Keys, rotated like the queries, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /** Natural logarithm of each head's decay γ, `[heads]`, <= 0. */
  logDecay: tf.Tensor;
}

const MODEL = {
  name: "retention",
  inputs: { q: "keys", k: "keys", v: "values", logDecay: "per head" },
} as const satisfies Model<RetentionInputs>;

/**
 * RetNet's retention: each head decays at its own rate.
 *
 *     S_i = γ S_{i-1} + k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, it is LION-D without the division by row sums. RetNet's group
 * normalisation and gate after it are left to the caller.
 *
 * Source: Sun et al. 2023 (arXiv:2307.08621), equation 6.
 *
 * @example Half as much with each step
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { retention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 3, 1]);
 * const logDecay = tf.tensor1d([Math.log(0.5)]);
 * const y = retention({ q, k: q, v: q, logDecay }, { causal: true });
 * const [, , last] = await y.data();
 * assertAlmostEquals(last!, 1 + 0.5 + 0.25, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode RetentionInputs}.
 * @param options See {@linkcode FamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function retention(
  inputs: RetentionInputs,
  options: FamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, logDecay }, { lionAttention }) => {
      const decay = fixedDecay(logDecay);
      return lionAttention(q, k, v, { decay, normalize: false });
    },
  );
}
