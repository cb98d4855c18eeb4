/** ALiBi: softmax attention with scores that fall with distance. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertAllocatable, assertPositiveInteger } from "@lionjs/base";

/**
 * Returns ALiBi's slopes, a geometric sequence from `2^(-8 / heads)` down to
 * `2^-8`. For a number of heads that is not a power of two, the slopes of the
 * next lower power come first, then every other slope of the next higher one,
 * as in the authors' code.
 *
 * Source: Press et al. 2022 (arXiv:2108.12409), section 3.
 *
 * @example Four heads
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { alibiSlopes } from "@lionjs/lion";
 *
 * assertEquals(alibiSlopes(4), [1 / 4, 1 / 16, 1 / 64, 1 / 256]);
 * ```
 *
 * @param heads Number of heads.
 * @returns One slope per head, for the option `slopes` of `softmaxAttention`.
 * @throws {TypeError} If `heads` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function alibiSlopes(heads: number): number[] {
  assertPositiveInteger("heads", heads);
  assertAllocatable({ heads });
  const power = 2 ** Math.floor(Math.log2(heads));
  const between = slopesOfPower(2 * power).filter((_, h) => h % 2 === 0);
  return [...slopesOfPower(power), ...between.slice(0, heads - power)];
}

function slopesOfPower(heads: number): number[] {
  return Array.from({ length: heads }, (_, h) => 2 ** (-8 * (h + 1) / heads));
}

/**
 * ALiBi's penalties for distance, which are subtracted from the scores.
 *
 * @param readers The readers' positions, `[batch or 1, 1, length, 1]`.
 * @param sources The sources' positions, `[batch or 1, 1, 1, length]`.
 * @returns `[batch or 1, heads, readers, sources]`, >= 0.
 */
export function penalties(
  slopes: readonly number[],
  readers: tf.Tensor,
  sources: tf.Tensor,
): tf.Tensor {
  const each = tf.tensor4d([...slopes], [1, slopes.length, 1, 1]);
  return tf.mul(each, tf.abs(tf.sub(readers, sources)));
}

/**
 * Adds a column to queries and keys that adds `slope · j` to the score of key
 * j. For causal attention that is ALiBi: it differs from `-slope · (i - j)` by
 * a number that all keys of a query share, which softmax ignores.
 */
export function withSlopes(
  slopes: readonly number[],
  q: tf.Tensor4D,
  k: tf.Tensor4D,
): [q: tf.Tensor4D, k: tf.Tensor4D] {
  const [batch, heads, length] = q.shape;
  const each = tf.tensor4d([...slopes], [1, heads, 1, 1]);
  const rises = tf.mul(
    each,
    tf.reshape(tf.range(0, length), [1, 1, length, 1]),
  );
  const column = [batch, heads, length, 1] as const;
  return [
    tf.concat([q, tf.ones([...column])], 3) as tf.Tensor4D,
    tf.concat([k, tf.broadcastTo(rises, [...column])], 3) as tf.Tensor4D,
  ];
}
