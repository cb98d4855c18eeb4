/** Orthogonal initial values. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameter } from "../lion_layer.ts";

/**
 * Initial values of a matrix whose shorter axis has orthogonal vectors of length `gain`,
 * of a random orientation: two cosine transforms with random signs between, which cost
 * one matrix product, far less than to decompose a matrix of random numbers.
 *
 * Source: Yu et al. 2016 (arXiv:1610.09072), who use Hadamard's matrices.
 */
export function orthogonal(
  shape: [number, number],
  gain = 1,
): Parameter["initial"] {
  const [few, many] = shape.toSorted((a, b) => a - b) as [number, number];
  // Square blocks side by side have orthogonal rows, too, and cost less.
  const size = many % few === 0 ? few : many;
  const blocks = many / size;
  return {
    values: (seed) =>
      tf.tidy(() => {
        const all = cosineTransform(size);
        const first = tf.slice(all, [0, 0], [few, size]);
        const drawn = tf.randomUniform(
          [2 * blocks, 1, size],
          -1,
          1,
          "float32",
          seed,
        );
        // Signs of -1 and 1, never 0.
        const signs = tf.split(
          tf.sub(tf.mul(tf.cast(tf.greater(drawn, 0), "float32"), 2), 1),
          2 * blocks,
        ).map((row) => tf.reshape(row, [1, size]));
        const turned = Array.from({ length: blocks }, (_, i) => {
          const inner = tf.mul(first, signs[2 * i]!) as tf.Tensor2D;
          return tf.mul(tf.matMul(inner, all), signs[2 * i + 1]!);
        });
        const rows = tf.mul(tf.concat(turned, 1), gain * blocks ** -0.5);
        return shape[0] === few ? rows : tf.transpose(rows);
      }),
  };
}

/** The discrete cosine transform of `size` numbers, an orthogonal matrix. */
function cosineTransform(size: number): tf.Tensor2D {
  // The cosines of all angles that occur, multiples of a part of a turn.
  const period = 4 * size;
  const cosines = Float32Array.from(
    { length: period },
    (_, n) => Math.sqrt(2 / size) * Math.cos(2 * Math.PI * n / period),
  );
  const values = new Float32Array(size * size).fill(Math.sqrt(1 / size));
  for (let wave = 1; wave < size; wave++) {
    for (let n = 0; n < size; n++) {
      values[wave * size + n] = cosines[(2 * n + 1) * wave % period]!;
    }
  }
  return tf.tensor2d(values, [size, size]);
}
