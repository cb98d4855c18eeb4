/** Calibration: whether predictions are right as often as they are confident. @module */
import {
  assertInteger,
  assertOptions,
  IGNORE_INDEX,
  optionsOf,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { assertLabelPerRow } from "../losses/loss.ts";
import type { SetMetric } from "./metric.ts";
import { assertAllNumbers, assertPairs } from "./pairs.ts";

/** Options of {@linkcode calibration} and {@linkcode calibrationError}. */
export interface CalibrationOptions {
  /** Number of bins of equal width. @default 15 */
  bins?: number | undefined;
}

/** The most bins of a table that anyone reads. */
const MOST_BINS = 10_000;

const OPTIONS = optionsOf<CalibrationOptions>()("bins");

/** The predictions whose confidence lies in one bin. */
export interface CalibrationBin {
  /** The least confidence of the bin; the largest is below that of the next bin. */
  readonly from: number;
  /** Number of predictions in the bin. */
  readonly count: number;
  /** The mean confidence of these; 0 if there are none. */
  readonly confidence: number;
  /** The share of these that are right; 0 if there are none. */
  readonly accuracy: number;
}

/**
 * Sorts predictions into bins by their confidence. A model is calibrated where
 * confidence and accuracy of each bin are alike. `calibrationFigure` of
 * `@lionjs/lion/notebook` draws the bins.
 *
 * Source: Guo et al. 2017 (arXiv:1706.04599).
 *
 * @example Of two that are 90 % sure, one is right
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { calibration } from "@lionjs/lion/training";
 *
 * const bins = calibration([0.9, 0.9, 0.3], [1, 0, 0], { bins: 2 });
 * assertEquals(bins.map(({ count, accuracy }) => [count, accuracy]), [
 *   [1, 0], [2, 0.5],
 * ]);
 * ```
 *
 * @param confidences The probability of each predicted class, from 0 to 1.
 * @param right 1 where the prediction is right, else 0; equally many.
 * @param options See {@linkcode CalibrationOptions}.
 * @returns The bins, from the least confident on.
 * @throws {TypeError} If the arrays differ in length, or hold anything but
 * numbers.
 * @throws {RangeError} If a confidence is not from 0 to 1.
 */
export function calibration(
  confidences: ArrayLike<number>,
  right: ArrayLike<number>,
  options: CalibrationOptions = {},
): CalibrationBin[] {
  assertOptions("calibration", options, OPTIONS);
  const { bins = 15 } = options;
  assertInteger("bins", bins, 1, MOST_BINS);
  assertPairs("confidences", confidences, right);
  assertAllNumbers("confidences", confidences);
  assertAllNumbers("right", right);
  const sums = Array.from({ length: bins }, () => [0, 0, 0]);
  for (let i = 0; i < right.length; i++) {
    const confidence = confidences[i]!;
    if (!(confidence >= 0 && confidence <= 1)) {
      throw new RangeError(
        `confidences should be from 0 to 1, got ${confidence} at ${i}`,
      );
    }
    const sum = sums[Math.min(bins - 1, Math.floor(confidence * bins))]!;
    [1, confidence, right[i]!].forEach((value, j) => sum[j]! += value);
  }
  return sums.map(([count, confidence, right], i) => ({
    from: i / bins,
    count: count!,
    confidence: count ? confidence! / count : 0,
    accuracy: count ? right! / count : 0,
  }));
}

/**
 * Makes a metric of a whole set: the expected calibration error, the mean
 * difference between confidence and accuracy of the bins of
 * {@linkcode calibration}, each weighted by its predictions. Labels of -100 are
 * left out.
 *
 * Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { calibrationError } from "@lionjs/lion/training";
 *
 * const metric = calibrationError({ bins: 2 });
 * const confidences = Float64Array.of(0.9, 0.9), right = Float64Array.of(1, 0);
 * assertAlmostEquals(metric.result([confidences, right]), 0.4, 1e-12);
 * ```
 *
 * @param options See {@linkcode CalibrationOptions}.
 * @returns The metric, for logits `[..., classes]` and labels `[...]`; 0 is the
 * best, and NaN stands for a set without labels.
 */
export function calibrationError(
  options: CalibrationOptions = {},
): SetMetric {
  assertOptions("calibrationError", options, OPTIONS);
  const { bins = 15 } = options;
  assertInteger("bins", bins, 1, MOST_BINS);
  return {
    collect(predictions, labels) {
      assertLabelPerRow(predictions, labels);
      const shares = tf.max(tf.softmax(predictions), -1);
      const right = tf.equal(tf.argMax(predictions, -1), labels);
      // What does not count is marked by a value that no prediction has.
      const counted = tf.where(
        tf.notEqual(labels, IGNORE_INDEX),
        tf.cast(right, "float32"),
        tf.fill(labels.shape, IGNORE_INDEX),
      );
      return [tf.reshape(shares, [-1]), tf.reshape(counted, [-1])];
    },
    result([confidences, right]) {
      const counts = (_: number, i: number) => right![i] !== IGNORE_INDEX;
      const own = right!.filter(counts);
      const found = calibration(
        // A softmax may round to a little more than 1.
        confidences!.filter(counts).map((share) => Math.min(1, share)),
        own,
        { bins },
      );
      const sum = found.reduce(
        (sum, { count, confidence, accuracy }) =>
          sum + count * Math.abs(confidence - accuracy),
        0,
      );
      return sum / own.length;
    },
  };
}
