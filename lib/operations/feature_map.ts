/**
 * Feature maps, which are applied to queries and keys before their product.
 *
 * Softmax attention has weights exp(q · k). Linear attention has weights φ(q) ·
 * φ(k), which factor into one part for the query and one for the key.
 *
 * Integers and booleans are converted to float32.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { assertBoolean, assertOptions, optionsOf } from "@lionjs/base";

/** A map of the last axis of a tensor, `[..., headDim]` to `[..., features]`. */
export type FeatureMap = (x: tf.Tensor4D) => tf.Tensor4D;

/**
 * Computes ELU(x) + 1, positive everywhere: the feature map of LION-LIT.
 *
 * Source: Katharopoulos et al. 2020 (arXiv:2006.16236), equation 7.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { eluPlusOne } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = eluPlusOne(tf.tensor4d([0, 2], [1, 1, 1, 2]));
 * assertEquals([...await y.data()], [1, 3]);
 * ```
 *
 * @param x Queries or keys, `[batch, heads, length, headDim]`.
 * @returns A tensor of the same shape, every value > 0.
 */
export function eluPlusOne<T extends tf.Tensor>(x: T): T {
  return tf.tidy((): T => tf.add(tf.elu(floats("eluPlusOne's x", x)), 1));
}

/** Options of {@linkcode shiftedSilu}. */
interface ShiftedSiluOptions {
  /** Whether to divide by the Euclidean norm. @default true */
  normalize?: boolean | undefined;
}

const OPTIONS = optionsOf<ShiftedSiluOptions>()("normalize");

/**
 * Computes SiLU(x) + 0.5, positive everywhere, and divides it by its Euclidean
 * norm over the last axis: the feature map of LION-D and LION-S.
 *
 * Source: LION (arXiv:2502.16249) and its authors' code.
 *
 * @example A vector of unit length
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { shiftedSilu } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = shiftedSilu(tf.tensor4d([0, 2, -1], [1, 1, 1, 3]));
 * assertAlmostEquals((await tf.norm(y).data())[0]!, 1, 1e-6);
 * ```
 *
 * @param x Queries or keys, `[batch, heads, length, headDim]`.
 * @param options `normalize`: whether to divide by the norm; true by default.
 * @returns A tensor of the same shape, every value > 0.
 */
export function shiftedSilu<T extends tf.Tensor>(
  x: T,
  options: ShiftedSiluOptions = {},
): T {
  assertOptions("shiftedSilu", options, OPTIONS);
  const { normalize = true } = options;
  assertBoolean("shiftedSilu's normalize", normalize);
  return tf.tidy((): T => {
    const given = floats("shiftedSilu's x", x);
    const shifted = tf.add(tf.mul(given, tf.sigmoid(given)), 0.5);
    if (!normalize) return shifted as T;
    const squares = tf.sum(tf.square(shifted), -1, true);
    return tf.mul(shifted, tf.rsqrt(squares)) as T;
  });
}

/**
 * Returns x, for attention without a feature map. Products and their sums may
 * be negative: use `normalize: false` with it.
 *
 * @param x Queries or keys, `[batch, heads, length, headDim]`.
 * @returns A tensor with the same values.
 */
export function identity<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.clone(floats("identity's x", x)));
}
