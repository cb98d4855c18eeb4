/** Gated DeltaNet-2: the delta rule with a gate for each channel that is erased or written. @module */
import * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay } from "../../attention/decays/diagonal_decay.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "../inputs.ts";

/** Inputs of {@linkcode gatedDeltaNet2}. */
export interface GatedDeltaNet2Inputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, each of unit length, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * Natural logarithm of each channel's decay on arriving at each token,
   * `[batch, heads, length, headDim]`, <= 0.
   */
  logDecay: tf.Tensor;
  /**
   * How much each channel of the key erases, `[batch, heads, length, headDim]`, from 0
   * to 1 or 2.
   */
  eraseGate: tf.Tensor;
  /** How much of each value is written, `[batch, heads, length, valueDim]`, from 0 to 1. */
  writeGate: tf.Tensor;
  /**
   * The state before the first token, `[batch, heads, headDim, valueDim]`, only if
   * causal; of packed rows that of their first sequence. @default zeros
   */
  initialState?: tf.Tensor | undefined;
}

const MODEL = {
  name: "gatedDeltaNet2",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    logDecay: "per channel",
    eraseGate: "keys",
    writeGate: "values",
    initialState: "state or none",
  },
  skipsPadding: true,
} as const satisfies Model<GatedDeltaNet2Inputs>;

/**
 * Gated DeltaNet-2: each token decays every channel at its own rate, erases by one gate
 * of each channel, and writes by another.
 *
 *     S'_i = diag(e^{g_i}) S_{i-1}
 *     S_i  = S'_i + k_i (w_i ∘ v_i - S'_iᵀ (b_i ∘ k_i))ᵀ    y_i = s S_iᵀ q_i
 *
 * where b is the gate that erases and w the one that writes. In LION, its decay is a
 * matrix, (I - k (b ∘ k)ᵀ) diag(e^g), applied on arrival; in both directions, a token's
 * own contribution, s (q · k) (w ∘ v), counts once. Not normalised. Padding is skipped.
 * With one number for all gates of a token it is Kimi Delta Attention. Unlike there,
 * states may grow for a while, since the matrix is not normal.
 *
 * Source: arXiv:2605.22791; the recurrence is that of flash-linear-attention's
 * \`ops/gdn2\`.
 *
 * @example One channel of the key erases, the other does not
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gatedDeltaNet2 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const rows = (...x: number[]) => tf.tensor4d(x, [1, 1, 2, 2]);
 * const k = rows(0.6, 0.8, 0.6, 0.8), logDecay = rows(0, 0, 0, 0);
 * const v: tf.Tensor4D = tf.tensor4d([3, 0], [1, 1, 2, 1]);
 * const eraseGate = rows(0, 0, 1, 0), writeGate = tf.onesLike(v);
 * const inputs = { q: k, k, v, logDecay, eraseGate, writeGate };
 * const y = gatedDeltaNet2(inputs, { causal: true, scale: 1 });
 * const [first, second] = await y.data();
 * assertAlmostEquals(first!, 3, 1e-6);
 * assertAlmostEquals(second!, 3 * (1 - 0.6 ** 2), 1e-6);
 * ```
 *
 * @param inputs See {@linkcode GatedDeltaNet2Inputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is an initial state
 * without `causal`.
 */
export function gatedDeltaNet2(
  inputs: GatedDeltaNet2Inputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    (
      { q, k, v, logDecay, eraseGate, writeGate, initialState },
      { transitionAttention },
    ) => {
      const decay = diagonalDecay(logDecay, { convention: "arrival" });
      const rows = gatedRows({ k, v, logDecay, eraseGate, writeGate });
      const own = { decay, initialState };
      return transitionAttention(q, k, rows.v, rows.a, null, own);
    },
  );
}

/** The values that are written, and the vectors a that read the state before its decay. */
export function gatedRows(
  { k, v, logDecay, eraseGate, writeGate }: Omit<GatedDeltaNet2Inputs, "q">,
): { v: tf.Tensor; a: tf.Tensor } {
  return {
    v: tf.mul(writeGate, v),
    // Reads after the decay are reads before it by a row that has decayed.
    a: tf.neg(tf.mul(tf.exp(logDecay), tf.mul(eraseGate, k))),
  };
}
