/** Gated random feature attention (RFA), whose gate weighs old against new. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../attention/decays/decay.ts";
import { type FamilyOptions, type Model, runModel } from "./inputs.ts";
import { logGate } from "./log_gate.ts";

/** Inputs of {@linkcode gatedRfa}. */
export interface GatedRfaInputs {
  /** Queries with their feature map applied, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys with their feature map applied, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * The gate: how much of the state is kept on arriving at each token,
   * `[batch, heads, length]`, from 0 to 1.
   */
  gate: tf.Tensor;
}

const MODEL = {
  name: "gatedRfa",
  inputs: { q: "keys", k: "keys", v: "values", gate: "per token" },
} as const satisfies Model<GatedRfaInputs>;

/**
 * Random feature attention with a gate: each token writes as much as the state
 * forgets.
 *
 *     S_i = g_i S_{i-1} + (1 - g_i) φ(k_i) v_iᵀ    z_i = g_i z_{i-1} + (1 - g_i) φ(k_i)
 *     y_i = S_iᵀ φ(q_i) / (z_i · φ(q_i))
 *
 * In LION, it is LION-S with log decays log g, applied on arrival, keys (1 - g)
 * φ(k), normalised, scale 1. Its paper's random features are sines and cosines,
 * whose sums may be close to 0; `positiveRandomFeatures` are safe.
 *
 * Source: Peng et al. 2021 (arXiv:2103.02143), RFA-Gate.
 *
 * @example With a gate of 0, a token attends only to itself
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gatedRfa } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const gate: tf.Tensor3D = tf.zeros([1, 1, 2]);
 * const [, second] = await gatedRfa({ q, k: q, v, gate }).data();
 * assertAlmostEquals(second!, 5, 1e-5);
 * ```
 *
 * @param inputs See {@linkcode GatedRfaInputs}.
 * @param options See {@linkcode FamilyOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function gatedRfa(
  inputs: GatedRfaInputs,
  options: FamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    ({ q, k, v, gate }, { lionAttention }) => {
      const decay = selectiveDecay(logGate(gate), { convention: "arrival" });
      const written = tf.mul(
        k,
        tf.expandDims(tf.sub(1, gate), 3),
      ) as tf.Tensor4D;
      return lionAttention(q, written, v, {
        decay,
        scale: options.scale ?? 1,
      });
    },
  );
}
