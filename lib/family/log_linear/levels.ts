/** Levels of pairs of tokens in a binary tree over their places. @module */
import * as tf from "@tensorflow/tfjs-core";
import { positionsIn } from "../../operations/segments.ts";

/** How many levels the pairs of `length` tokens have, a token's own included. */
export function levelsOf(length: number): number {
  return 33 - Math.clz32(length - 1);
}

/** The place of each token in its sequence, from either end, `[batch or 1, length]`. */
export interface Places {
  readonly fromLeft: tf.Tensor2D;
  readonly fromRight: tf.Tensor2D;
}

/** @param segments `[batch, length]`, if sequences are packed. */
export function placesOf(
  length: number,
  segments: tf.Tensor2D | undefined,
): Places {
  const given = segments ?? tf.zeros<tf.Rank.R2>([1, length]);
  return {
    fromLeft: positionsIn(given),
    fromRight: tf.reverse(positionsIn(tf.reverse(given, 1)), 1),
  };
}

/**
 * The level of each reader i and source j: the bit length of i xor j, that is,
 * how often both places have to be halved until they are the same; at most the
 * last level.
 *
 * @param readers The readers' places, whole numbers, `[rows, length]`.
 * @param sources `[rows, sources]`
 * @param levels How many levels there are.
 * @returns `[rows, length, sources]`
 */
export function levelsOfPairs(
  readers: tf.Tensor2D,
  sources: tf.Tensor2D,
  levels: number,
): tf.Tensor3D {
  const shape = [readers.shape[0], readers.shape[1], sources.shape[1]];
  return tf.tidy(() => {
    let sum: tf.Tensor = tf.zeros(shape);
    for (let level = 1; level < levels; level++) {
      const [to, from] = [readers, sources]
        .map((places) => tf.floor(tf.div(places, 2 ** (level - 1))));
      const differ = tf.notEqual(
        tf.expandDims(to!, 2),
        tf.expandDims(from!, 1),
      );
      sum = tf.add(sum, tf.cast(differ, "float32"));
    }
    return sum as tf.Tensor3D;
  });
}

/**
 * The weight of each reader and source: the reader's scale of their level.
 *
 * @param levelScales `[all rows, length, levels]`, as many rows for each of levels.
 * @param levels `[rows, length, sources]`, below the number of `levelScales`.
 * @returns `[all rows, length, sources]`
 */
export function weightsOfPairs(
  levelScales: tf.Tensor3D,
  levels: tf.Tensor3D,
): tf.Tensor3D {
  const [all, length, count] = levelScales.shape;
  const [rows, , sources] = levels.shape, each = all / rows;
  // A product for each reader, of its scales in all heads and of which levels are its pairs'.
  const scales = tf.reshape(
    tf.transpose(
      tf.reshape(levelScales, [rows, each, length, count]),
      [0, 2, 1, 3],
    ),
    [rows * length, each, count],
  );
  const isOf = isOfLevel(tf.reshape(levels, [rows * length, sources]), count);
  const weights = tf.reshape(
    tf.matMul(scales, isOf),
    [rows, length, each, sources],
  );
  return tf.reshape(
    tf.transpose(weights, [0, 2, 1, 3]),
    [all, length, sources],
  ) as tf.Tensor3D;
}

/** Which of `count` levels each is: `[rows, sources]` to `[rows, count, sources]`. */
export function isOfLevel(levels: tf.Tensor2D, count: number): tf.Tensor3D {
  const numbers = tf.reshape(tf.range(0, count), [1, count, 1]);
  return tf.cast(tf.equal(tf.expandDims(levels, 1), numbers), "float32");
}
