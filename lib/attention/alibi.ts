/** ALiBi: scores of softmax attention that fall with distance. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertPositiveInteger } from "../contract/values.ts";

/**
 * ALiBi's slopes: a geometric sequence from `2^(-8 / heads)` down to `2^-8`. For
 * numbers of heads that are no power of two, those of the power below, and then
 * every other one of the power above, as in its authors' code.
 *
 * Source: Press et al. 2022 (arXiv:2108.12409), section 3.
 *
 * @example Of four heads
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { alibiSlopes } from "@lionjs/lion";
 *
 * assertEquals(alibiSlopes(4), [1 / 4, 1 / 16, 1 / 64, 1 / 256]);
 * ```
 *
 * @param heads How many.
 * @returns A slope of each head: `slopes` of `softmaxAttention`.
 * @throws {TypeError} If `heads` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function alibiSlopes(heads: number): number[] {
  assertPositiveInteger("heads", heads);
  const power = 2 ** Math.floor(Math.log2(heads));
  const between = ofPower(2 * power).filter((_, h) => h % 2 === 0);
  return [...ofPower(power), ...between.slice(0, heads - power)];
}

function ofPower(heads: number): number[] {
  return Array.from({ length: heads }, (_, h) => 2 ** (-8 * (h + 1) / heads));
}

/**
 * What distance takes off the scores.
 *
 * @param readers Where they stand, `[batch or 1, 1, length, 1]`.
 * @param sources Where they stand, `[batch or 1, 1, 1, length]`.
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
 * Queries and keys with one column more, by which the products of a token with
 * those before it differ by ALiBi: `slope · j` for key j. That is
 * `-slope · (i - j)` but for a number that all keys of a query share, and which
 * softmax leaves out.
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
