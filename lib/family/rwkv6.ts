/** RWKV-6: a recurrence that reads the state before the token changes it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { bidirectional } from "../attention/forms/bidirectional.ts";
import { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
import { lionAttention } from "../attention/lion_attention.ts";
import { endsOf } from "../operations/segments.ts";
import { assertBoolean } from "@lionjs/base";
import { withoutPadding } from "../operations/padding/padding.ts";
import { shifted } from "../operations/shift.ts";
import {
  type Checked,
  type Model,
  runModel,
  WHOLE_SEQUENCE_OPTIONS,
  type WholeSequenceOptions,
} from "./inputs.ts";

/** Inputs of {@linkcode rwkv6}. */
export interface Rwkv6Inputs {
  /** Receptances (queries), `[batch, heads, length, headDim]`. */
  r: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * Natural logarithm of each channel's decay on passing each token,
   * `[batch, heads, length, headDim]`, <= 0.
   */
  logDecay: tf.Tensor;
  /** The bonus u, each channel's weight for the token itself, `[heads, headDim]`. */
  bonus: tf.Tensor;
}

const MODEL = {
  name: "rwkv6",
  inputs: {
    r: "keys",
    k: "keys",
    v: "values",
    logDecay: "per channel",
    bonus: "per head and channel",
  },
  options: WHOLE_SEQUENCE_OPTIONS,
} as const satisfies Model<Rwkv6Inputs>;

/** {@linkcode Rwkv6Inputs} whose axes are known. */
export type CheckedRwkv6Inputs = Checked<typeof MODEL>;

/**
 * RWKV-6: each token reads the tokens before it, and itself with a bonus u.
 *
 *     y_i = s (S_{i-1} + diag(u) k_i v_iᵀ)ᵀ r_i    S_i = diag(e^{w_i}) S_{i-1} + k_i v_iᵀ
 *
 * In LION, it is Theorem B.1 with log decays w, applied on arrival, where each
 * query is shifted one token earlier, so that the reader's own decay is not on
 * its paths. In both directions, the bonus counts once. Not normalised.
 *
 * Source: Peng et al. 2024 (arXiv:2404.05892), equation 19.
 *
 * @example A token reads its neighbour without decay, and itself with the bonus
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { rwkv6 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const r: tf.Tensor4D = tf.ones([1, 1, 3, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([100, 10, 1], [1, 1, 3, 1]);
 * const logDecay: tf.Tensor4D = tf.fill([1, 1, 3, 1], Math.log(0.5));
 * const bonus = tf.tensor2d([[7]]);
 * const y = await rwkv6({ r, k: r, v, logDecay, bonus }, { causal: true }).data();
 * assertAlmostEquals(y[2]!, 7 * 1 + 10 + 0.5 * 100, 1e-5);
 * ```
 *
 * @param inputs See {@linkcode Rwkv6Inputs}.
 * @param options See {@linkcode WholeSequenceOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function rwkv6(
  inputs: Rwkv6Inputs,
  options: WholeSequenceOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, (given, { tokens, segments }) => {
    const { scale = 1, causal = false } = options;
    assertBoolean("causal", causal);
    const { bonus, ...vectors } = given;
    const run = (
      { r, k, v, logDecay }: typeof vectors,
      segments: tf.Tensor2D | undefined,
    ) => {
      const earlier = shifted(r, -1, 2);
      const y = lionAttention(
        segments ? withinSegments(earlier, segments) : earlier,
        k,
        v,
        {
          ...options,
          mask: undefined,
          segments,
          decay: diagonalDecay(logDecay, { convention: "arrival" }),
          normalize: false,
          causal: true,
          scale,
        },
      );
      return shifted(y, 1, 2);
    };
    const neighbours = causal
      ? run(vectors, segments)
      : bidirectional(vectors, vectors, run, segments);
    const { r, k, v } = vectors;
    const weight = tf.sum(
      tf.mul(tf.mul(r, k), tf.expandDims(tf.mul(bonus, scale), 1)),
      3,
      true,
    );
    const y: tf.Tensor4D = tf.add(neighbours, tf.mul(weight, v));
    return withoutPadding(y, tokens);
  });
}

/**
 * Sets to zero the queries, `[batch, heads, length, headDim]`, that were
 * shifted into the segment before their own.
 */
function withinSegments(
  earlier: tf.Tensor4D,
  segments: tf.Tensor2D,
): tf.Tensor4D {
  const { last } = endsOf(segments);
  return withoutPadding(earlier, tf.sub(1, tf.cast(last, "float32")));
}
