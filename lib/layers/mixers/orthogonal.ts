/** Orthogonal initial values. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameter } from "../lion_layer.ts";

/** The factor by which an iteration lengthens a vector that is still short. */
const GROWTH = 1.5;

/** Iterations after which a vector of about unit length has it to the last bit. */
const LAST = 6;

/** The shortest vector that grows to unit length, beside the longest. */
const SHORTEST = 1e-5;

/**
 * Initial values of a matrix whose shorter axis has orthogonal vectors of length `gain`, of
 * a random orientation: the orthogonal factor of a matrix of normally distributed numbers,
 * by Newton's iteration, X ← 1.5 X - 0.5 X Xᵀ X.
 *
 * Source: Saxe et al. 2013 (arXiv:1312.6120).
 */
export function orthogonal(
  shape: [number, number],
  gain = 1,
): Parameter["initial"] {
  const [few, many] = shape.toSorted((a, b) => a - b) as [number, number];
  // The extreme singular values of a random matrix are about √many ± √few.
  const longest = Math.sqrt(many) + Math.sqrt(few);
  const least = (Math.sqrt(many) - Math.sqrt(few)) / longest;
  const first = -Math.log(Math.max(least, SHORTEST)) / Math.log(GROWTH);
  const iterations = Math.ceil(first) + LAST;
  return {
    values: (seed) =>
      tf.tidy(() => {
        const drawn = tf.randomNormal<tf.Rank.R2>(
          [few, many],
          0,
          1 / longest,
          "float32",
          seed,
        );
        let x: tf.Tensor2D = drawn;
        for (let i = 0; i < iterations; i++) {
          x = tf.tidy(() => {
            const cube = tf.matMul(tf.matMul(x, x, false, true), x);
            return tf.sub(tf.mul(x, 1.5), tf.mul(cube, 0.5));
          });
        }
        const rows = shape[0] === few ? x : tf.transpose(x);
        return tf.mul(rows, gain);
      }),
  };
}
