/** The Linear Transformer: linear attention without decay. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { optionsOf, shown } from "@lionjs/base";
import { eluPlusOne, type FeatureMap } from "../operations/feature_map.ts";
import {
  FAMILY_OPTIONS,
  type FamilyOptions,
  type Model,
  runModel,
} from "./inputs.ts";

/** Inputs of {@linkcode linearTransformer}. */
export interface LinearTransformerInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
}

/** Options of {@linkcode linearTransformer}. */
export interface LinearTransformerOptions extends FamilyOptions {
  /**
   * Feature map of queries and keys; its values should be positive.
   * @default eluPlusOne
   */
  featureMap?: FeatureMap | undefined;
}

const OPTIONS = optionsOf<LinearTransformerOptions>()(
  FAMILY_OPTIONS,
  "featureMap",
);

const MODEL = {
  name: "linearTransformer",
  inputs: { q: "keys", k: "keys", v: "values" },
  options: OPTIONS,
} as const satisfies Model<LinearTransformerInputs>;

/**
 * The Linear Transformer: weights do not decay with distance.
 *
 *     S_i = S_{i-1} + φ(k_i) v_iᵀ    z_i = z_{i-1} + φ(k_i)
 *     y_i = S_iᵀ φ(q_i) / (z_i · φ(q_i))
 *
 * In LION, it is LION-LIT: no decay, normalised, scale 1. Other feature maps
 * give other models; `positiveRandomFeatures` gives Performer.
 *
 * Source: Katharopoulos et al. 2020 (arXiv:2006.16236), equations 16 to 20.
 *
 * @example With equal queries, every token reads the same mean
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { linearTransformer } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.zeros([1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const [first] = await linearTransformer({ q, k: q, v }).data();
 * assertAlmostEquals(first!, 4, 1e-5);
 * ```
 *
 * @param inputs See {@linkcode LinearTransformerInputs}.
 * @param options See {@linkcode LinearTransformerOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function linearTransformer(
  inputs: LinearTransformerInputs,
  options: LinearTransformerOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, ({ q, k, v }, { lionAttention }) => {
    const { featureMap = eluPlusOne, scale = 1 } = options;
    if (typeof featureMap !== "function") {
      throw new TypeError(
        `linearTransformer's featureMap should be a function of tensors such as eluPlusOne, got ${
          shown(featureMap)
        }`,
      );
    }
    return lionAttention(featureMap(q), featureMap(k), v, { scale });
  });
}
