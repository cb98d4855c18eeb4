/** Gated DeltaProduct: DeltaProduct with one decay per token. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { type DeltaProductInputs, inSteps } from "./delta_product.ts";
import { type DeltaFamilyOptions, type Model, runModel } from "../inputs.ts";

/** Inputs of {@linkcode gatedDeltaProduct}. */
export interface GatedDeltaProductInputs extends DeltaProductInputs {
  /**
   * Natural logarithm of the decay on arriving at each token,
   * `[batch, heads, length]`, <= 0.
   */
  logDecay: tf.Tensor;
}

const MODEL = {
  name: "gatedDeltaProduct",
  inputs: {
    q: "keys",
    k: "keys of steps",
    v: "values of steps",
    beta: "per step",
    logDecay: "per token",
    initialState: "state or none",
  },
} as const satisfies Model<GatedDeltaProductInputs>;

/**
 * Gated DeltaProduct: each token decays the whole state, and then has several steps of
 * the delta rule.
 *
 *     S ← e^{g_i} S                                          once for token i
 *     S ← S + β_ij k_ij (v_ij - Sᵀ k_ij)ᵀ, for each step j    y_i = s Sᵀ q_i
 *
 * In LION, its decay is a matrix, e^g Π (I - β k kᵀ), applied on arrival; all else is as
 * for {@linkcode deltaProduct}.
 *
 * Source: Siems et al. 2025 (arXiv:2502.10297), section 3.
 *
 * @example The state decays once for each token, before its steps
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gatedDeltaProduct } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k = tf.tensor([1, 0, 1, 0], [1, 1, 1, 2, 2]), q = tf.ones([1, 1, 1, 2]);
 * const v = tf.tensor([3, 5], [1, 1, 1, 2, 1]), beta = tf.ones([1, 1, 1, 2]);
 * const logDecay = tf.fill([1, 1, 1], Math.log(0.5));
 * const initialState = tf.tensor([1, 4], [1, 1, 2, 1]);
 * const inputs = { q, k, v, beta, logDecay, initialState };
 * const y = await gatedDeltaProduct(inputs, { causal: true, scale: 1 }).data();
 * assertAlmostEquals(y[0]!, 5 + 0.5 * 4, 1e-6);
 * ```
 *
 * @param inputs See {@linkcode GatedDeltaProductInputs}.
 * @param options See {@linkcode DeltaFamilyOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is an initial state
 * without `causal`.
 */
export function gatedDeltaProduct(
  inputs: GatedDeltaProductInputs,
  options: DeltaFamilyOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, ({ logDecay, ...vectors }, call) => {
    const decay = selectiveDecay(logDecay, { convention: "arrival" });
    return inSteps(vectors, call, decay);
  });
}
