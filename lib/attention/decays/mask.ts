/**
 * The mask M of a decay: the weight that source j keeps at reader i.
 *
 * A mask entry is the product of the decays on the path from j to i. It is
 * computed as the exponential of a sum of log decays, and that sum runs over
 * the path alone. The textbook shortcuts fail in float32: ratios of cumulative
 * products divide 0 by 0, and differences of prefix sums lose all digits once
 * one token has forgotten strongly.
 *
 * @module
 */
import { assertAllocatable, assertPositiveInteger } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { assertDecay, type Decay } from "./decay.ts";
import { logDecayPair } from "./decay_pair.ts";

/** A range of a mask's columns: the sources `start`, `start + 1`, …, `start + size - 1`. */
export interface Columns {
  readonly start: number;
  readonly size: number;
}

/** A matrix with 1 where reader i comes strictly after (or before) source j, 0 elsewhere. */
export function strictly(
  side: "after" | "before",
  length: number,
  { start, size }: Columns,
): tf.Tensor2D {
  const reader = tf.reshape(tf.range(0, length), [length, 1]);
  const source = tf.reshape(tf.range(start, start + size), [1, size]);
  const ahead = side === "after"
    ? tf.sub(reader, source)
    : tf.sub(source, reader);
  // Equal to a comparison, which tfjs-wasm broadcasts far more slowly.
  return tf.clipByValue(ahead, 0, 1) as tf.Tensor2D;
}

/** Log decays of both directions; `null` where a direction is not read at all. */
export interface Sides {
  readonly forward: tf.Tensor | null;
  readonly backward: tf.Tensor | null;
}

/** The sums of log decays on the paths of each side; 0 where a side has none. */
function pathSums(
  { forward, backward }: Sides,
  length: number,
  columns: Columns,
): tf.Tensor[] {
  // Each column sums its own path, token by token, starting from 0.
  const sums: tf.Tensor[] = [];
  if (forward) {
    const after = strictly("after", length, columns);
    const steps = tf.mul(tf.expandDims(forward, -1), after);
    sums.push(tf.cumsum(steps, steps.rank - 2));
  }
  if (backward) {
    const before = strictly("before", length, columns);
    const steps = tf.mul(tf.expandDims(backward, -1), before);
    sums.push(tf.cumsum(steps, steps.rank - 2, false, true));
  }
  return sums;
}

/**
 * Columns of the mask of log decays f (forward) and b (backward):
 *
 *     M_ij = exp(f_{j+1} + … + f_i)  for i > j, or 0 without f
 *     M_ij = 1                       for i = j
 *     M_ij = exp(b_i + … + b_{j-1})  for i < j, or 0 without b
 *
 * @param sides Log decays, each `[...sequences, length]`.
 * @returns `[...sequences, length, columns.size]`
 */
export function maskColumns(
  sides: Sides,
  length: number,
  columns: Columns,
): tf.Tensor {
  const sums = pathSums(sides, length, columns);
  if (sums.length === 2) return tf.exp(tf.add(sums[0]!, sums[1]!));
  const unread = strictly(sides.forward ? "before" : "after", length, columns);
  return tf.mul(tf.exp(sums[0]!), tf.sub(1, unread));
}

/** The whole mask: {@linkcode maskColumns} for all sources. */
export function mask(sides: Sides, length: number): tf.Tensor {
  return maskColumns(sides, length, { start: 0, size: length });
}

/**
 * The logarithm of the whole mask, of both sides or the forward one alone: 0 for
 * tokens that are then not read.
 *
 * @param sides Log decays, each `[...sequences, length]`.
 * @returns `[...sequences, length, length]`
 */
export function logMask(sides: Sides, length: number): tf.Tensor {
  return pathSums(sides, length, { start: 0, size: length })
    .reduce((sum, side) => tf.add(sum, side));
}

/**
 * Computes the mask M of a decay, for inspection and tests.
 *
 * Source: the selective mask of LION (arXiv:2502.16249), in either convention.
 * Only the form `"full"` computes all of it.
 *
 * @example It is symmetric only if the decay is constant
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { decayMask, fixedDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mask = decayMask(fixedDecay(tf.log(tf.tensor1d([0.9]))), 3);
 * const rows = (await mask.array())[0]![0]!;
 * assertAlmostEquals(rows[2]![0]!, 0.81, 1e-6);
 * assertAlmostEquals(rows[0]![2]!, rows[2]![0]!, 1e-6);
 * ```
 *
 * @param decay The decay.
 * @param length The number of tokens.
 * @returns The weights M_ij, `[batch, heads, length, length]`; batch and heads
 * are 1 where the decay has no such axis.
 * @throws {RangeError} If `length` is not a positive integer.
 * @throws {TypeError} If the decay's tensors do not have this length, or it is
 * diagonal.
 */
export function decayMask(decay: Decay, length: number): tf.Tensor4D {
  assertPositiveInteger("length", length);
  assertDecay("decayMask's decay", decay);
  if (decay.kind === "diagonal" || decay.kind === "two-sided-diagonal") {
    throw new TypeError(
      "decayMask takes one decay per token, but a diagonal decay has one mask per channel; pass one channel, [batch, heads, length], to selectiveDecay or bidirectionalDecay",
    );
  }
  return tf.tidy(() => {
    const [batch, heads] = decay.kind === "selective"
      ? decay.logDecay.shape
      : decay.kind === "two-sided"
      ? decay.forward.shape
      : [1, decay.kind === "fixed" ? decay.logDecay.size : 1];
    assertAllocatable({ batch, heads, length, "length again": length });
    const pair = logDecayPair(decay, [batch, heads, length]);
    return pair
      ? mask(pair, length) as tf.Tensor4D
      : tf.ones([1, 1, length, length]);
  });
}
