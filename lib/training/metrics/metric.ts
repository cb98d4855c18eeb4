/** The interface of metrics, and accuracy. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertLabelPerRow, countLabels } from "../losses/loss.ts";

/**
 * A metric that is a mean, which returns its sum and count for a batch; the mean
 * over batches is Σ sum / Σ count.
 */
export type Metric = (
  predictions: tf.Tensor,
  labels: tf.Tensor,
) => { sum: tf.Scalar; count: tf.Scalar };

/**
 * A metric of a whole set that is not a mean over its batches, such as F1 or a
 * correlation. `overClasses`, `overScores` and `overValues` turn a function of
 * two arrays into one.
 *
 * @example The largest error of all
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type SetMetric } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * const largestError: SetMetric = {
 *   collect: (predictions, labels) => [tf.max(tf.abs(tf.sub(predictions, labels)))],
 *   result: ([errors]) => Math.max(...errors!),
 * };
 * assertEquals(largestError.result([Float64Array.of(1, 3, 2)]), 3);
 * ```
 */
export interface SetMetric {
  /**
   * Returns the tensors to keep of a batch, always the same number; temporary
   * ones are disposed of.
   */
  collect(predictions: tf.Tensor, labels: tf.Tensor): readonly tf.Tensor[];
  /**
   * Returns the metric. Its argument holds an array for each tensor that
   * `collect` returns, with the values of all batches one after another.
   */
  result(all: readonly Float64Array[]): number;
  /**
   * Throws if the metric cannot be computed for predictions and labels of these
   * shapes, whatever their values; `null` stands for any size. `train` calls it
   * before the first step. @default the metric is tried on a batch alone
   */
  assertFits?(
    predictions: readonly (number | null)[],
    labels: readonly number[],
  ): void;
}

/** Metrics by the names under which `evaluate` and `train` return them. */
export type Metrics = Record<string, Metric | SetMetric>;

/** Throws unless the option is an object of metrics by name; none may hide the loss. */
export function assertMetrics(metrics: Metrics): void {
  const given: unknown = metrics;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError(
      `metrics should be functions by name, got ${
        Array.isArray(given) ? "an array" : typeof given
      }`,
    );
  }
  if (Object.hasOwn(metrics, "loss")) {
    throw new RangeError(
      "metrics should not be named loss, under which the loss is returned",
    );
  }
  for (const [name, metric] of Object.entries(metrics)) {
    if (typeof metric === "function") continue;
    const { collect, result } = Object(metric) as SetMetric;
    if (typeof collect === "function" && typeof result === "function") continue;
    throw new TypeError(
      `metrics' ${name} should be a function, or { collect, result } of a whole set, got ${typeof metric}`,
    );
  }
}

/**
 * Makes a metric: accuracy, the share of labels, `[...]`, whose logit is the
 * largest in logits `[..., classes]`. A label of -100 does not count; where a logit is
 * NaN, none is the largest, and the label counts as missed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { accuracy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = tf.tensor2d([[1, 2], [2, 1], [2, 1]]);
 * const labels = tf.tensor1d([1, 1, -100], "int32");
 * const { sum, count } = accuracy()(logits, labels);
 * assertEquals([...await sum.data(), ...await count.data()], [1, 2]);
 * ```
 *
 * @returns The metric.
 */
export function accuracy(): Metric {
  return (predictions, labels) => {
    // Labels [rows, 1] would be broadcast, and compared with the classes of all rows.
    assertLabelPerRow(predictions, labels);
    const sum = tf.tidy(() => {
      // No class is -100, so labels that do not count are never correct.
      const right = tf.equal(tf.argMax(predictions, -1), labels);
      // Where logits are NaN, as of a model that has diverged, backends'
      // argMax is class 0.
      const areNumbers = tf.logicalNot(tf.any(tf.isNaN(predictions), -1));
      const counted = tf.logicalAnd(right, areNumbers);
      return tf.sum(tf.cast(counted, "float32")) as tf.Scalar;
    });
    return { sum, count: countLabels(labels) };
  };
}
