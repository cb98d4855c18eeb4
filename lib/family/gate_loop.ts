/** GateLoop: linear attention with a complex decay per channel. @module */
import * as tf from "@tensorflow/tfjs-core";
import { bidirectional } from "../attention/forms/bidirectional.ts";
import { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
import { lionAttention } from "../attention/lion_attention.ts";
import { assertBoolean } from "@lionjs/base";
import { withoutPadding } from "../operations/padding/padding.ts";
import { anglesUntil } from "../operations/turned/angles.ts";
import {
  type Model,
  runModel,
  WHOLE_SEQUENCE_OPTIONS,
  type WholeSequenceOptions,
} from "./inputs.ts";

/** Inputs of {@linkcode gateLoop}. */
export interface GateLoopInputs {
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
  /**
   * Angle in radians by which each channel rotates on arriving at each token,
   * `[batch, heads, length, headDim]`.
   */
  phase: tf.Tensor;
}

const MODEL = {
  name: "gateLoop",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    logDecay: "per channel",
    phase: "per channel",
  },
  options: WHOLE_SEQUENCE_OPTIONS,
} as const satisfies Model<GateLoopInputs>;

/**
 * GateLoop: the decay of each channel is a complex number.
 *
 *     S_i = diag(e^{g_i + i θ_i}) S_{i-1} + k_i v_iᵀ    y_i = s Re(S_iᵀ q_i)
 *
 * In LION, it is Theorem B.1 with log decays g, applied on arrival, and twice
 * the channels: a channel's rotation between two tokens is the difference of
 * two angles Φ, whose cosine is the product of the query's and the key's
 * vectors (cos Φ, sin Φ). The angles differ from the two ends, so there are two
 * causal sweeps, and the token's own part, which is in both, counts once. Not
 * normalised.
 *
 * Source: Katsch 2023 (arXiv:2311.01927), section 3.
 *
 * @example A half turn changes the sign
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gateLoop } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const logDecay: tf.Tensor4D = tf.zeros([1, 1, 2, 1]);
 * const phase: tf.Tensor4D = tf.fill([1, 1, 2, 1], Math.PI);
 * const y = await gateLoop({ q, k: q, v, logDecay, phase }, { causal: true }).data();
 * assertAlmostEquals(y[1]!, 5 - 3, 1e-5);
 * ```
 *
 * @param inputs See {@linkcode GateLoopInputs}.
 * @param options See {@linkcode WholeSequenceOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function gateLoop(
  inputs: GateLoopInputs,
  options: WholeSequenceOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, (vectors, { tokens, segments }) => {
    const { scale = 1, causal = false } = options;
    assertBoolean("causal", causal);
    const run = (
      { q, k, v, logDecay, phase }: typeof vectors,
      segments: tf.Tensor2D | undefined,
    ) => {
      const angles = anglesUntil(phase, segments);
      const cosines = tf.cos(angles), sines = tf.sin(angles);
      const turned = (x: tf.Tensor4D): tf.Tensor4D =>
        tf.concat([tf.mul(x, cosines), tf.mul(x, sines)], 3) as tf.Tensor4D;
      const both: tf.Tensor4D = tf.concat([logDecay, logDecay], 3);
      return lionAttention(turned(q), turned(k), v, {
        ...options,
        mask: undefined,
        segments,
        decay: diagonalDecay(both, { convention: "arrival" }),
        normalize: false,
        causal: true,
        scale,
      });
    };
    if (causal) return withoutPadding(run(vectors, segments), tokens);
    const { q, k, v } = vectors;
    const both = bidirectional(vectors, vectors, run, segments);
    const selfTerm = tf.mul(tf.mul(tf.sum(tf.mul(q, k), 3, true), scale), v);
    return withoutPadding(tf.sub(both, selfTerm), tokens);
  });
}
