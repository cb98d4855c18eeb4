/** Metrics for `evaluate` and `train` of functions of two arrays. @module */
import { shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { SetMetric } from "./metric.ts";
import { countedPairs } from "./pairs.ts";

/** A function of the predictions and the true values of a whole set. */
export type Score = (predicted: Float64Array, labels: Float64Array) => number;

/**
 * Turns a function of predicted and true classes, such as `f1` or `matthews`,
 * into a metric. The predicted class has the largest logit. If labels have the
 * shape of the predictions, or these have one column, each logit stands alone
 * and predicts class 1 if above 0, else class 0. Labels of -100 are left out.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import {
 *   crossEntropy, evaluate, f1, matthews, overClasses,
 * } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const identity = layers.layers.dense({
 *   units: 2, inputShape: [2], kernelInitializer: "identity",
 * });
 * const model = layers.sequential({ layers: [identity] });
 * async function* batches() {
 *   const inputs = [tf.tensor2d([[1, 0], [0, 1], [0, 1]])];
 *   yield { inputs, labels: tf.tensor1d([0, 0, 1], "int32"), size: 3 };
 * }
 * const means = await evaluate(model, batches(), {
 *   loss: crossEntropy(),
 *   metrics: {
 *     matthews: overClasses(matthews),
 *     f1: overClasses(f1, { average: "macro" }),
 *   },
 * });
 * assertEquals([means["matthews"], means["f1"]], [0.5, 2 / 3]);
 * ```
 *
 * @param score The function.
 * @param options The options that `score` gets after the two arrays.
 * @returns The metric.
 * @throws {TypeError} If `score` is not a function, or the options are no object.
 */
export function overClasses<O extends object>(
  score: (predicted: Float64Array, labels: Float64Array, options?: O) => number,
  options?: O,
): SetMetric {
  assertScore("overClasses", score);
  if (options !== undefined && (typeof options !== "object" || !options)) {
    throw new TypeError(
      `overClasses's options should be an object such as { average: "macro" }, got ${
        shown(options)
      }`,
    );
  }
  const scored: Score = (predicted, labels) =>
    options === undefined
      ? score(predicted, labels)
      : score(predicted, labels, options);
  return {
    collect(predictions, labels) {
      const { shape } = predictions;
      if (shape.at(-1) === 1 || isPerLogit(predictions, labels)) {
        return flat(tf.greater(predictions, 0), labels);
      }
      return flat(tf.argMax(predictions, -1), labels);
    },
    result: ([predicted, labels]) => scoreCounted(scored, predicted!, labels!),
    assertFits(predictions, labels) {
      const columns = predictions.at(-1);
      if (!columns || columns === 1 || labels.length === predictions.length) {
        return;
      }
      // A batch may lack a class, by which the score fails later.
      const all = Float64Array.from({ length: columns }, (_, i) => i);
      scored(all, all.slice());
    },
  };
}

/**
 * Turns a function of scores and labels, 0 or 1, such as `areaUnderCurve`, into
 * a metric. The score is the logit of class 1 minus that of class 0 or, if
 * labels have the shape of the predictions, or these have one column, the logit
 * itself. Labels of -100 are left out.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { areaUnderCurve, overScores } from "@lionjs/lion/training";
 *
 * const metric = overScores(areaUnderCurve);
 * const scores = Float64Array.of(3, 1), labels = Float64Array.of(1, 0);
 * assertEquals(metric.result([scores, labels]), 1);
 * ```
 *
 * @param score The function.
 * @returns The metric. It throws a TypeError if predictions have more than two
 * columns, and labels one.
 */
export function overScores(score: Score): SetMetric {
  assertScore("overScores", score);
  return {
    collect(predictions, labels) {
      const columns = predictions.shape.at(-1)!;
      if (columns === 1 || isPerLogit(predictions, labels)) {
        return flat(predictions, labels);
      }
      if (columns === 2) {
        const [zero, one] = tf.split(predictions, 2, -1);
        return flat(tf.sub(one!, zero!), labels);
      }
      throw new TypeError(
        `predictions of a metric of scores should have one or two columns, or labels of their shape, got [${predictions.shape}] with labels [${labels.shape}]`,
      );
    },
    result: ([scores, labels]) => scoreCounted(score, scores!, labels!),
  };
}

/**
 * Turns a function of predicted and true numbers, such as `pearson` or
 * `spearman`, into a metric; the model predicts one number per label.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { overValues, spearman } from "@lionjs/lion/training";
 *
 * const metric = overValues(spearman);
 * const values = Float64Array.of(3, 1), labels = Float64Array.of(9, 8);
 * assertEquals(Math.round(metric.result([values, labels])), 1);
 * ```
 *
 * @param score The function.
 * @returns The metric. It throws a TypeError if the numbers of predictions and
 * labels differ.
 */
export function overValues(score: Score): SetMetric {
  assertScore("overValues", score);
  return {
    collect: flat,
    result: ([values, labels]) => score(values!, labels!),
  };
}

function assertScore(owner: string, score: Score): void {
  if (typeof score === "function") return;
  throw new TypeError(
    `${owner}'s score should be a function of predictions and labels, such as pearson, got ${
      shown(score)
    }`,
  );
}

/** Whether each logit has a label, rather than each row of logits a class. */
function isPerLogit({ shape }: tf.Tensor, labels: tf.Tensor): boolean {
  return tf.util.arraysEqual(shape, labels.shape);
}

/**
 * Predictions and labels as vectors, `[size]` each; throws unless they have the
 * same size.
 */
function flat(values: tf.Tensor, labels: tf.Tensor): tf.Tensor[] {
  if (values.size !== labels.size) {
    throw new TypeError(
      `a metric should get as many labels as predictions, [${values.shape}], got [${labels.shape}]`,
    );
  }
  return [tf.reshape(values, [-1]), tf.reshape(labels, [-1])];
}

function scoreCounted(
  score: Score,
  predicted: Float64Array,
  labels: Float64Array,
): number {
  const [some, counted] = countedPairs("predicted", predicted, labels);
  return score(Float64Array.from(some), Float64Array.from(counted));
}
