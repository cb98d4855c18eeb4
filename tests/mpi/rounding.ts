/**
 * How much of a difference is rounding. Ranks add the same numbers as one process,
 * in another order, so that each sum is rounded otherwise; what becomes of that
 * depends on the computation: a normalisation of numbers that are nearly the same
 * makes hundreds of times as much of it. A bound that fits one model is too narrow for
 * the next, and lets faults of a third pass.
 *
 * So the bound is measured: one process computes the same once more with weights that
 * have moved by a rounding each. Its results may be as far from those without as the
 * ranks' are, since every rounding on the way is another one, too, and what the
 * computation makes of it is the same.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** The most by which float32 rounds a number, relative to it. */
const UNIT = 2 ** -24;

/**
 * So many times as far as what has moved may the ranks' results be. Errors of rounding
 * are a draw each, and now that of one is larger, now that of the other: of the 6,500
 * gradients of models with other weights and other numbers, none came to more than 0.55
 * of the bound, with two draws of what has moved.
 */
const TIMES = 4;

/** The same numbers, of which each has moved by up to the distance to its neighbour. */
export function rounded(
  values: Iterable<number>,
  random: () => number,
): Float32Array {
  return Float32Array.from(
    values,
    (x) => x * (1 + 2 * UNIT * (2 * random() - 1)),
  );
}

/** Moves all weights of a model by a rounding. */
export async function moveWeights(
  model: LayersModel,
  random: () => number,
): Promise<void> {
  for (const weight of model.weights) {
    const values = await weight.read().data<"float32">();
    const moved = tf.tensor(rounded(values, random), weight.shape as number[]);
    weight.write(moved);
    moved.dispose();
  }
}

/** What one process computes, and how its results are rounded. */
export interface Expected {
  /** What it computes. */
  readonly values: ArrayLike<number>;
  /** The same, computed from what has moved by a rounding, some times. */
  readonly moved: readonly ArrayLike<number>[];
  /** How many numbers are added to each, which is what moves a sum that nothing enlarges. */
  readonly terms: number;
}

/**
 * Fails unless what differs is rounding. Errors are relative to the largest number of
 * the array, or to 1.
 */
export function assertRounded(
  actual: ArrayLike<number>,
  { values, moved, terms }: Expected,
  what: string,
): void {
  assertEquals(actual.length, values.length, what);
  const expected = Array.from(values);
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const errors = (others: ArrayLike<number>) =>
    expected.map((x, i) => Math.abs(others[i]! - x) / largest);
  const spread = Math.max(0, ...moved.flatMap(errors));
  const bound = terms * UNIT + TIMES * spread;
  assert(Number.isFinite(bound), `${what}: what has moved is not all finite`);
  for (const [i, error] of errors(actual).entries()) {
    assert(
      error <= bound,
      `${what}: ${actual[i]} at ${i}, not ${
        expected[i]
      }: an error of ${error}, where rounding makes ${bound}`,
    );
  }
}
