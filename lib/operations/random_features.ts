/**
 * Random features, a feature map whose products estimate those of softmax.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertNotEmpty,
  assertNumbers,
  assertShape,
  floats,
} from "@lionjs/tfjs/kernel";

/**
 * Makes Performer's positive random features, a feature map whose products
 * estimate the weights of softmax attention,
 *
 *     φ(x)_m = exp(ω_m · x' - |x'|² / 2) / √M    x' = x / headDim^¼
 *     φ(q) · φ(k) ≈ e^{q · k / √headDim}
 *
 * for M directions ω with normally distributed entries. The error falls as 1 /
 * √M, and faster in sums if the directions are orthogonal. No exponent is above
 * |ω|² / 2.
 *
 * Source: Choromanski et al. 2020 (arXiv:2009.14794), equation 5.
 *
 * @example Products close to softmax's
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { positiveRandomFeatures } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const directions = tf.randomNormal<tf.Rank.R2>([20_000, 4], 0, 1, "float32", 1);
 * const map = positiveRandomFeatures(directions);
 * const q = tf.tensor4d([0.5, 0, -0.5, 1], [1, 1, 1, 4]);
 * const k = tf.tensor4d([1, 0.5, 0, 0.5], [1, 1, 1, 4]);
 * const [weight] = await tf.sum(tf.mul(map(q), map(k))).data();
 * assertAlmostEquals(weight!, Math.exp((0.5 + 0.5) / Math.sqrt(4)), 0.05);
 * ```
 *
 * @param directions ω, `[features, headDim]`; the caller disposes of them.
 * @returns A map from `[batch, heads, length, headDim]` to
 * `[batch, heads, length, features]`.
 * @throws {TypeError} If the directions do not have two axes or are not
 * numeric.
 */
export function positiveRandomFeatures(
  directions: tf.Tensor,
): (x: tf.Tensor) => tf.Tensor4D {
  const name = "positiveRandomFeatures' directions";
  assertShape(name, directions, [null, null], "features, headDim");
  assertNumbers(name, directions);
  assertNotEmpty(name, directions);
  const [features, headDim] = directions.shape;
  return (x) => {
    const axes = "batch, heads, length, headDim";
    assertShape("x", x, [null, null, null, headDim], axes);
    return tf.tidy(() => {
      const scaled = tf.mul(floats("x", x), headDim ** -0.25);
      const flat = tf.reshape(scaled, [-1, headDim]);
      const products = tf.matMul(flat, floats(name, directions), false, true);
      const squares = tf.mul(tf.sum(tf.square(flat), 1, true), 0.5);
      const logarithms = tf.sub(
        tf.sub(products, squares),
        Math.log(features) / 2,
      );
      const [batch, heads, length] = x.shape;
      return tf.reshape(tf.exp(logarithms), [batch, heads, length, features]);
    });
  };
}
