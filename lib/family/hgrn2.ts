/** HGRN-2: a gated recurrence with a matrix as state. @module */
import * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
import {
  type Checked,
  type FamilyOptions,
  type Model,
  runModel,
} from "./inputs.ts";
import { logGate } from "./log_gate.ts";

/** Inputs of {@linkcode hgrn2}. */
export interface Hgrn2Inputs {
  /** Queries, the paper's output gate, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Values, the paper's input, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * The forget gate: how much each channel keeps on arriving at each token,
   * `[batch, heads, length, headDim]`, from 0 to 1.
   */
  forget: tf.Tensor;
}

const MODEL = {
  name: "hgrn2",
  inputs: { q: "keys", v: "values", forget: "per channel" },
} as const satisfies Model<Hgrn2Inputs>;

/** {@linkcode Hgrn2Inputs} whose axes are known. */
export type CheckedHgrn2Inputs = Checked<typeof MODEL>;

/**
 * HGRN-2: each channel writes as much as it forgets.
 *
 *     S_i = diag(f_i) S_{i-1} + (1 - f_i) v_iᵀ    y_i = s S_iᵀ q_i
 *
 * In LION, it is Theorem B.1 with log decays log f, applied on arrival, and keys 1
 * - f. Not normalised. The lower bound of the gates is left to the caller.
 *
 * Source: Qin et al. 2024 (arXiv:2404.07904), section 3.2.
 *
 * @example With a gate of 0, a token attends only to itself
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { hgrn2 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const y = await hgrn2({ q, v, forget: tf.zeros([1, 1, 2, 1]) }).data();
 * assertAlmostEquals(y[1]!, 5, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode Hgrn2Inputs}.
 * @param options See {@linkcode FamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function hgrn2(
  inputs: Hgrn2Inputs,
  options: FamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, v, forget }, { lionAttention }) => {
      const decay = diagonalDecay(logGate(forget), { convention: "arrival" });
      const keys: tf.Tensor4D = tf.sub(1, forget);
      return lionAttention(q, keys, v, { decay, normalize: false });
    },
  );
}
