/** RWKV-7: a state that each token decays per channel, and changes at a place of its own. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay } from "../../attention/decays/diagonal_decay.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "../inputs.ts";

/** Inputs of {@linkcode rwkv7}. */
export interface Rwkv7Inputs {
  /** Receptances, the queries, `[batch, heads, length, headDim]`. */
  r: tf.Tensor;
  /**
   * Natural logarithm of each channel's decay on arriving at each token,
   * `[batch, heads, length, headDim]`, <= 0; from -e^(-1/2) in the model.
   */
  logDecay: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * What reads the state before its decay, `[batch, heads, length, headDim]`: in the
   * model -κ, of length one.
   */
  a: tf.Tensor;
  /**
   * Where that is added, `[batch, heads, length, headDim]`: in the model κ times the
   * learning rate of each channel, from 0 to 1.
   */
  b: tf.Tensor;
  /**
   * The state before the first token, `[batch, heads, headDim, valueDim]`, only if
   * causal; of packed rows that of their first sequence. @default zeros
   */
  initialState?: tf.Tensor | undefined;
}

const MODEL = {
  name: "rwkv7",
  inputs: {
    r: "keys",
    logDecay: "per channel",
    k: "keys",
    v: "values",
    a: "keys",
    b: "keys",
    initialState: "state or none",
  },
} as const satisfies Model<Rwkv7Inputs>;

/**
 * RWKV-7, Goose: each token decays every channel at its own rate, and moves what the
 * state holds for one key to another.
 *
 *     S_i = (diag(e^{w_i}) + b_i a_iᵀ) S_{i-1} + k_i v_iᵀ    y_i = s S_iᵀ r_i
 *
 * In LION, its decay is a matrix, diag(e^w) + b aᵀ, applied on arrival; in both
 * directions, a token's own contribution, s (r · k) v, counts once. Not normalised.
 * Padding is skipped. Receptances read the state after the token's write; the bonus of
 * the token itself is its layer's. States may grow for a while, since the matrix is not
 * normal.
 *
 * Source: Peng et al. 2025 (arXiv:2503.14456), equations 16 and 17.
 *
 * @example What was written at one place moves to another
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { rwkv7 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const rows = (...x: number[]) => tf.tensor4d(x, [1, 1, 2, 2]);
 * const r = rows(0, 1, 0, 1), k = rows(1, 0, 0, 0);
 * const a = rows(0, 0, 1, 0), b = rows(0, 0, -1, 1); // from the first to the second
 * const v: tf.Tensor4D = tf.tensor4d([3, 0], [1, 1, 2, 1]);
 * const inputs = { r, logDecay: rows(0, 0, 0, 0), k, v, a, b };
 * const [first, second] = await rwkv7(inputs, { causal: true }).data();
 * assertAlmostEquals(first!, 0, 1e-6);
 * assertAlmostEquals(second!, 3, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode Rwkv7Inputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is an initial state
 * without `causal`.
 */
export function rwkv7(
  inputs: Rwkv7Inputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ r, logDecay, k, v, a, b, initialState }, { transitionAttention }) => {
      const decay = diagonalDecay(logDecay, { convention: "arrival" });
      const { scale = 1 } = options;
      const own = { decay, initialState, scale };
      return transitionAttention(r, k, v, a, b, own);
    },
  );
}
