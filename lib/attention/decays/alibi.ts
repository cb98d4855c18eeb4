/** ALiBi: softmax attention with scores that fall with distance. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertAllocatable, assertPositiveInteger } from "@lionjs/base";
import type { LogDecayPair } from "./decay_pair.ts";

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
 * ALiBi as a decay: log decays of minus a head's slope at each token, added to others.
 *
 * @param decays Other log decays, if there are some.
 * @returns Log decays, each `[batch or 1, heads, length]`, without the backward ones if
 * causal.
 */
export function withSlopes(
  slopes: readonly number[],
  decays: LogDecayPair | null,
  { length, causal }: { readonly length: number; readonly causal: boolean },
): LogDecayPair {
  const heads = slopes.length;
  const falls = tf.tensor3d(slopes.map((slope) => -slope), [1, heads, 1]);
  const each: tf.Tensor3D = decays
    ? falls
    : tf.broadcastTo(falls, [1, heads, length]);
  const added = (x: tf.Tensor3D | null | undefined) =>
    x ? tf.add<tf.Tensor3D>(each, x) : each;
  return {
    forward: added(decays?.forward),
    backward: causal ? null : added(decays?.backward),
  };
}
