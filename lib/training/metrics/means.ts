/** Metrics that are means: the best classes, and the errors of numbers. @module */
import { assertPositiveInteger, IGNORE_INDEX } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import {
  assertLabelPerRow,
  assertSameShape,
  countLabels,
  oneOfClasses,
} from "../losses/loss.ts";
import type { Metric } from "./metric.ts";

/**
 * Makes a metric: the share of labels, `[...]`, that are among the `k` classes with
 * the largest logits, of logits `[..., classes]`. A label of -100 does not count; a
 * row with a logit of NaN is missed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { topAccuracy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = tf.tensor2d([[1, 2, 3], [3, 2, 1]]);
 * const labels = tf.tensor1d([1, 2], "int32");
 * const { sum, count } = topAccuracy(2)(logits, labels);
 * assertEquals([...await sum.data(), ...await count.data()], [1, 2]);
 * ```
 *
 * @param k Number of classes that count as found.
 * @returns The metric.
 * @throws {TypeError | RangeError} If `k` is not a whole number above 0.
 */
export function topAccuracy(k: number): Metric {
  assertPositiveInteger("topAccuracy's k", k);
  return (predictions, labels) => {
    assertLabelPerRow(predictions, labels);
    const sum = tf.tidy(() => {
      const classes = predictions.shape.at(-1)!;
      const logits = tf.reshape(predictions, [-1, classes]);
      const flat = tf.reshape(labels, [-1]);
      const counts = tf.notEqual(flat, IGNORE_INDEX);
      const own = tf.sum(
        tf.where(
          tf.cast(oneOfClasses(labels, classes), "bool"),
          logits,
          tf.zerosLike(logits),
        ),
        -1,
        true,
      );
      const above = tf.sum(tf.cast(tf.greater(logits, own), "int32"), -1);
      const areNumbers = tf.logicalNot(tf.any(tf.isNaN(logits), -1));
      const found = tf.logicalAnd(tf.less(above, k), areNumbers);
      return tf.sum(tf.cast(tf.logicalAnd(found, counts), "float32"));
    }) as tf.Scalar;
    return { sum, count: countLabels(labels) };
  };
}

/**
 * Makes a metric: the mean absolute difference between predictions and labels of
 * the same shape.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { absoluteError } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { sum, count } = absoluteError()(tf.tensor1d([1, 2]), tf.tensor1d([3, 1]));
 * assertEquals([...await sum.data(), ...await count.data()], [3, 2]);
 * ```
 *
 * @returns The metric.
 */
export function absoluteError(): Metric {
  return errorBy(tf.abs);
}

/**
 * Makes a metric: the mean squared difference between predictions and labels of
 * the same shape.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { squaredError } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { sum, count } = squaredError()(tf.tensor1d([1, 2]), tf.tensor1d([3, 1]));
 * assertEquals([...await sum.data(), ...await count.data()], [5, 2]);
 * ```
 *
 * @returns The metric.
 */
export function squaredError(): Metric {
  return errorBy(tf.square);
}

function errorBy(size: (difference: tf.Tensor) => tf.Tensor): Metric {
  return (predictions, labels) => {
    assertSameShape(predictions, labels);
    return {
      sum: tf.tidy(() =>
        tf.sum(size(tf.sub(predictions, labels))) as tf.Scalar
      ),
      count: tf.scalar(labels.size),
    };
  };
}
