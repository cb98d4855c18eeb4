/** PaTH attention: softmax attention whose keys change at each token between. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertBoolean, assertFloat, optionsOf } from "@lionjs/base";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import {
  logDecayPair,
  withoutBackward,
} from "../../attention/decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { readByScores } from "../../attention/forms/softmax.ts";
import { numberSegments } from "../../operations/segments.ts";
import {
  type Checked,
  type DeltaFamilyOptions,
  type Model,
  runModel,
} from "../inputs.ts";

/** Inputs of {@linkcode pathAttention}. */
export interface PathAttentionInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /** Directions in which tokens change keys, of unit length, `[batch, heads, length, headDim]`. */
  w: tf.Tensor;
  /** The strength β of this change, `[batch, heads, length]`, from 0 to 2, a reflection. */
  beta: tf.Tensor;
  /**
   * Natural logarithm of the decay of weights on arriving at each token,
   * `[batch, heads, length]`, <= 0. @default nothing decays
   */
  logDecay?: tf.Tensor | undefined;
}

/** Options of {@linkcode pathAttention}; ranks cannot share its tokens. */
export interface PathAttentionOptions
  extends Omit<DeltaFamilyOptions, "attention"> {}

const MODEL = {
  name: "pathAttention",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    w: "keys",
    beta: "per token",
    logDecay: "per token or none",
  },
  options: optionsOf<PathAttentionOptions>()(
    "causal form chunkSize scale mask segments",
  ),
  skipsPadding: true,
} as const satisfies Model<PathAttentionInputs>;

/** {@linkcode PathAttentionInputs} whose axes are known. */
export type CheckedPathAttentionInputs = Checked<typeof MODEL>;

/**
 * PaTH attention: each token on the way from a key to a query changes the key by a matrix
 * H, so that positions depend on the data.
 *
 *     y_i = Σ_j e^(s z_ij) M_ij v_j / Σ_j e^(s z_ij) M_ij
 *     z_ij = q_iᵀ H_i … H_{j+1} k_j for j <= i    H_t = I - β_t w_t w_tᵀ
 *
 * In LION, its scores are those of a decay that is a matrix, H, applied on arrival, and M
 * is the mask of LION-S with log decays g, as in forgetting attention; in both directions,
 * one softmax is over the tokens of both sides, z_ij = q_iᵀ H_i … H_{j-1} k_j for j > i.
 * With β of 0 it is forgetting attention. Padding is skipped.
 *
 * It takes time and memory in proportion to the square of the length: the scores are
 * those of `transitionAttention` whose values are the columns of an identity matrix.
 * It has no kernel yet.
 *
 * Source: Yang et al. 2025 (arXiv:2505.16381), section 2; both directions are ours.
 * flash-linear-attention multiplies log decays by the scale too.
 *
 * @example A reflection on the way turns a key round
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { pathAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const inputs = { q, k: q, v, w: q, beta: tf.fill([1, 1, 2], 2) };
 * const y = await pathAttention(inputs, { causal: true, scale: 30 }).data();
 * assertAlmostEquals(y[1]!, 5, 1e-6); // of scores -30 and 30
 * ```
 *
 * @param inputs See {@linkcode PathAttentionInputs}.
 * @param options See {@linkcode PathAttentionOptions}; the scale is 1 / sqrt(headDim). The
 * form and the chunk size are those of the scores.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function pathAttention(
  inputs: PathAttentionInputs,
  options: PathAttentionOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    (
      { q, k, v, w, beta, logDecay },
      { transitionAttention, tokens, segments },
    ) => {
      const [batch, heads, length, headDim] = q.shape;
      const { causal = false, scale = 1 / Math.sqrt(headDim) } = options;
      assertBoolean("causal", causal);
      assertFloat("scale", scale);
      const sources = tf.reshape(tf.eye(length), [1, 1, length, length]);
      const scores = transitionAttention(
        tf.mul(q, scale),
        k,
        spread(sources, [batch, heads, length, length]),
        tf.neg(w),
        tf.mul(tf.expandDims(beta, 3), w),
        { scale: 1 },
      );
      const decay = logDecay &&
        selectiveDecay(logDecay, { convention: "arrival" });
      const pair = decay ? logDecayPair(decay, [batch, heads, length]) : null;
      return readByScores(scores, {
        ...{ v, mask: tokens },
        segments: segments && numberSegments(segments),
        decays: pair && causal ? withoutBackward(pair) : pair,
      }, causal);
    },
  );
}
