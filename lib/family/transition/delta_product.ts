/** DeltaProduct: several steps of the delta rule for each token. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { AttentionFunctions } from "../../attention/attention_functions.ts";
import type { Decay } from "../../attention/decays/decay.ts";
import {
  type Checked,
  type DeltaFamilyOptions,
  type Model,
  runModel,
} from "../inputs.ts";

/** Inputs of {@linkcode deltaProduct}. */
export interface DeltaProductInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** The keys of each step, of unit length, `[batch, heads, length, steps, headDim]`. */
  k: tf.Tensor;
  /** The values of each step, `[batch, heads, length, steps, valueDim]`. */
  v: tf.Tensor;
  /**
   * The writing strength β of each step, `[batch, heads, length, steps]`, from 0 to 1 or
   * 2, where a step is a reflection.
   */
  beta: tf.Tensor;
  /**
   * The state before the first token, `[batch, heads, headDim, valueDim]`, only if
   * causal; of packed rows that of their first sequence. @default zeros
   */
  initialState?: tf.Tensor | undefined;
}

const MODEL = {
  name: "deltaProduct",
  inputs: {
    q: "keys",
    k: "keys of steps",
    v: "values of steps",
    beta: "per step",
    initialState: "state or none",
  },
} as const satisfies Model<DeltaProductInputs>;

/**
 * DeltaProduct: DeltaNet with several steps for each token, of which each replaces the
 * value that the state holds for its key.
 *
 *     S ← S + β_ij k_ij (v_ij - Sᵀ k_ij)ᵀ, for each step j of token i    y_i = s Sᵀ q_i
 *
 * In LION, its decay is a matrix, Π (I - β k kᵀ), applied on arrival; in both directions,
 * tokens are visited in reverse, but their steps are not, and a token's own contribution,
 * what its steps write into a state of 0, counts once. Not normalised. Padding is
 * skipped. With β = 2 a step is a reflection, and n steps permute n + 1 channels in any
 * way: with more steps, a layer can keep track of more.
 *
 * Source: Siems et al. 2025 (arXiv:2502.10297), section 3.
 *
 * @example Two reflections are a rotation
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { deltaProduct } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const r = Math.SQRT1_2; // a quarter turn is twice the angle between the keys
 * const k = tf.tensor([1, 0, r, r], [1, 1, 1, 2, 2]);
 * const v = tf.zeros([1, 1, 1, 2, 1]), beta = tf.fill([1, 1, 1, 2], 2);
 * const q = tf.tensor([0, 1], [1, 1, 1, 2]);
 * const initialState = tf.tensor([1, 0], [1, 1, 2, 1]);
 * const options = { causal: true, scale: 1 };
 * const y = await deltaProduct({ q, k, v, beta, initialState }, options).data();
 * assertAlmostEquals(y[0]!, 1, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode DeltaProductInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is an initial state
 * without `causal`.
 */
export function deltaProduct(
  inputs: DeltaProductInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, inSteps);
}

/** The delta rule with the steps of all tokens in one row after another. */
export function inSteps(
  { q, initialState, ...vectors }: Checked<typeof MODEL>,
  { deltaAttention }: AttentionFunctions,
  decay?: Decay,
): tf.Tensor4D {
  const { k, v, beta } = rowsOfSteps(vectors);
  const steps = vectors.k.shape[3];
  return deltaAttention(q, k, v, beta, { decay, steps, initialState });
}

/** The keys, values and strengths of all steps, `[batch, heads, length · steps, …]`. */
export function rowsOfSteps(
  { k, v, beta }: Pick<DeltaProductInputs, "k" | "v" | "beta">,
): { k: tf.Tensor4D; v: tf.Tensor4D; beta: tf.Tensor3D } {
  const [batch, heads, length, steps, headDim] = k
    .shape as tf.Tensor5D["shape"];
  const rows = [batch, heads, length * steps] as const;
  return {
    k: tf.reshape(k, [...rows, headDim]),
    v: tf.reshape(v, [...rows, v.shape[4]!]),
    beta: tf.reshape(beta, [...rows]),
  };
}
