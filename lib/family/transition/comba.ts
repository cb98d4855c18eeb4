/** Comba: the delta rule whose token reads by another vector than it writes at. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import type { DeltaNetInputs } from "../delta_net.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "../inputs.ts";

/** Inputs of {@linkcode comba}. */
export interface CombaInputs extends DeltaNetInputs {
  /**
   * What reads the value that is replaced, `[batch, heads, length, headDim]`, at most of
   * unit length; in the model, keys times a number per head.
   */
  p: tf.Tensor;
  /**
   * Natural logarithm of the decay on arriving at each token,
   * `[batch, heads, length]`, <= 0.
   */
  logDecay: tf.Tensor;
  /**
   * The state before the first token, `[batch, heads, headDim, valueDim]`, only if
   * causal; of packed rows that of their first sequence. @default zeros
   */
  initialState?: tf.Tensor | undefined;
}

const MODEL = {
  name: "comba",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    p: "keys",
    beta: "per token",
    logDecay: "per token",
    initialState: "state or none",
  },
  skipsPadding: true,
} as const satisfies Model<CombaInputs>;

/**
 * Comba: each token decays the state, and subtracts from its value what a vector p reads
 * from the state before that decay.
 *
 *     S_i = e^{g_i} S_{i-1} + β_i k_i (v_i - S_{i-1}ᵀ p_i)ᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, its decay is a matrix, e^g I - β k pᵀ, applied on arrival; in both
 * directions, a token's own contribution, s β (q · k) v, counts once. Not normalised.
 * Padding is skipped. With p = e^g k it is Gated DeltaNet; the paper's correction of the
 * output, q - d p in place of q, is its layer's.
 *
 * Source: Hu et al. 2025 (arXiv:2506.02475); flash-linear-attention's kernels,
 * `ops/comba`, read before the decay too.
 *
 * @example What p does not read stays
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { comba } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 2]);
 * const inputs = { q: k, k, v, beta, p: tf.mul(k, 0.5), logDecay: tf.zeros([1, 1, 2]) };
 * const y = await comba(inputs, { causal: true, scale: 1 }).data();
 * assertAlmostEquals(y[1]!, 3 + (5 - 0.5 * 3), 1e-6);
 * ```
 *
 * @param inputs See {@linkcode CombaInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is an initial state
 * without `causal`.
 */
export function comba(
  inputs: CombaInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    (
      { q, k, v, p, beta, logDecay, initialState },
      { transitionAttention },
    ) => {
      const decay = selectiveDecay(logDecay, { convention: "arrival" });
      const written = tf.mul(tf.expandDims(beta, 3), k);
      const own = { decay, initialState };
      return transitionAttention(q, written, v, tf.neg(p), null, own);
    },
  );
}
