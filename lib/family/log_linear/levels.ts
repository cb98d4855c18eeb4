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
 * how often both places have to be halved until they are the same.
 *
 * @param places Whole numbers, `[rows, length]`.
 * @returns `[rows, length, length]`
 */
export function levelsOfPairs(places: tf.Tensor2D): tf.Tensor3D {
  const length = places.shape[1];
  return tf.tidy(() => {
    let levels: tf.Tensor = tf.zeros([places.shape[0], length, length]);
    for (let size = 1; size < length; size *= 2) {
      const nodes = tf.floor(tf.div(places, size));
      const differ = tf.notEqual(
        tf.expandDims(nodes, 2),
        tf.expandDims(nodes, 1),
      );
      levels = tf.add(levels, tf.cast(differ, "float32"));
    }
    return levels as tf.Tensor3D;
  });
}

/**
 * The weight of each pair of tokens: the reader's scale of the pair's level.
 *
 * @param levelScales `[rows of pairs, length, levels]`, some rows for each of levels.
 * @param levels `[rows, length, length]`, below the number of `levelScales`.
 * @returns `[rows of pairs, length, length]`
 */
export function weightsOfPairs(
  levelScales: tf.Tensor3D,
  levels: tf.Tensor3D,
): tf.Tensor3D {
  const [all, length, count] = levelScales.shape, rows = levels.shape[0];
  const each = all / rows;
  // A product for each reader, of its scales in all heads and of which levels are its pairs'.
  const scales = tf.reshape(
    tf.transpose(
      tf.reshape(levelScales, [rows, each, length, count]),
      [0, 2, 1, 3],
    ),
    [rows * length, each, count],
  );
  const numbers = tf.reshape(tf.range(0, count), [1, count, 1]);
  const isOf = tf.cast(
    tf.equal(tf.reshape(levels, [rows * length, 1, length]), numbers),
    "float32",
  );
  const weights = tf.reshape(
    tf.matMul(scales, isOf),
    [rows, length, each, length],
  );
  return tf.reshape(
    tf.transpose(weights, [0, 2, 1, 3]),
    [all, length, length],
  ) as tf.Tensor3D;
}
