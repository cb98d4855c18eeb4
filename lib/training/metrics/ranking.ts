/** Metrics of predicted numbers, over whole sets: correlations, and the area under the curve. @module */
import { shown } from "@lionjs/base";
import { assertAllNumbers, assertPairs, countedPairs } from "./pairs.ts";

/**
 * Returns Pearson's correlation coefficient of predictions and labels, which is
 * 1 if they lie on a rising line.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { pearson } from "@lionjs/lion/training";
 *
 * assertAlmostEquals(pearson([1, 2, 3], [10, 20, 30]), 1, 1e-12);
 * ```
 *
 * @param predicted The predictions.
 * @param labels The labels, equally many.
 * @returns The coefficient, from -1 to 1; NaN if either array has fewer than
 * two different values, or a value that is not finite.
 * @throws {TypeError} If the arrays differ in length, or hold anything but
 * numbers.
 */
export function pearson(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  assertNumberPairs(predicted, labels);
  const [x, y] = [fromMean(predicted), fromMean(labels)];
  const spread = Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y));
  // Rounding can take the correlation past 1.
  return Math.max(-1, Math.min(1, dot(x, y) / spread));
}

function fromMean(values: ArrayLike<number>): Float64Array {
  const given = Float64Array.from(values);
  const largest = given.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // Values are scaled to at most 1, since sums and squares of very large or
  // small numbers would be infinite or 0.
  const x = largest > 0 && largest < Infinity
    ? given.map((value) => value / largest)
    : given;
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  // The rounded mean of equal numbers may differ from them.
  return x.every((value) => value === x[0])
    ? x.fill(0)
    : x.map((value) => value - mean);
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
}

/**
 * Returns Spearman's rank correlation coefficient: Pearson's of the ranks,
 * which is 1 if predictions and labels have the same order. Equal values have
 * the mean of their ranks.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { spearman } from "@lionjs/lion/training";
 *
 * assertAlmostEquals(spearman([1, 2, 3], [1, 8, 900]), 1, 1e-12);
 * ```
 *
 * @param predicted The predictions.
 * @param labels The labels, equally many.
 * @returns The coefficient, from -1 to 1; NaN if either array has fewer than
 * two different values, or a NaN.
 * @throws {TypeError} If the arrays differ in length, or hold anything but
 * numbers.
 */
export function spearman(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  assertNumberPairs(predicted, labels);
  return pearson(ranksOf(predicted), ranksOf(labels));
}

function assertNumberPairs(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): void {
  assertPairs("predicted", predicted, labels);
  assertAllNumbers("predicted", predicted);
  assertAllNumbers("labels", labels);
}

/** The ranks of values, from 1; equal ones have their mean, and all are NaN if one value is. */
function ranksOf(values: ArrayLike<number>): Float64Array {
  const numbers = Float64Array.from(values);
  const ranks = new Float64Array(numbers.length);
  if (numbers.some(Number.isNaN)) return ranks.fill(NaN);
  const order = [...numbers.keys()].sort((i, j) =>
    numbers[i]! < numbers[j]! ? -1 : Number(numbers[i]! > numbers[j]!)
  );
  for (let first = 0, end = 0; first < order.length; first = end) {
    const value = numbers[order[first]!];
    while (end < order.length && numbers[order[end]!] === value) end++;
    // Ranks first + 1 to end.
    for (let i = first; i < end; i++) ranks[order[i]!] = (first + 1 + end) / 2;
  }
  return ranks;
}

/**
 * Returns the area under the receiver operating characteristic (ROC AUC): the
 * probability that an example labelled 1 has a higher score than one labelled
 * 0, where equal scores count half. It is the same for logits and
 * probabilities.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { areaUnderCurve } from "@lionjs/lion/training";
 *
 * assertEquals(areaUnderCurve([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0]), 0.875);
 * ```
 *
 * @param scores The scores, higher where a 1 is more likely.
 * @param labels The labels, equally many: 0 or 1; -100 does not count.
 * @returns The area, from 0 to 1; NaN if all labels are the same, or a score is
 * NaN.
 * @throws {TypeError} If the arrays differ in length, or a score is not a number.
 * @throws {RangeError} If a label is neither 0 nor 1.
 */
export function areaUnderCurve(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const [counted, truths] = countedPairs("scores", scores, labels);
  assertAllNumbers("scores", counted);
  const wrong = truths.findIndex((label) => label !== 0 && label !== 1);
  if (wrong >= 0) {
    throw new RangeError(
      `labels of areaUnderCurve should be 0 or 1, got ${shown(truths[wrong])}`,
    );
  }
  const ranks = ranksOf(counted);
  const ones = truths.reduce((sum, label) => sum + label, 0);
  const zeros = truths.length - ones;
  const sum = ranks.reduce((sum, rank, i) => sum + rank * truths[i]!, 0);
  return (sum - ones * (ones + 1) / 2) / (ones * zeros);
}
