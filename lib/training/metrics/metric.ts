import * as tf from "@tensorflow/tfjs-core";
import { countLabels } from "../losses/loss.ts";

/**
 * A metric, which returns its sum and count for a batch; the mean over batches
 * is Σ sum / Σ count.
 */
export type Metric = (
  predictions: tf.Tensor,
  labels: tf.Tensor,
) => { sum: tf.Scalar; count: tf.Scalar };

/**
 * Accuracy, the share of labels `[...]` whose logit is the largest of
 * `[..., classes]`. A label of -100 does not count.
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
    const sum = tf.tidy(() => {
      // No class is -100, so labels that do not count are never correct.
      const right = tf.equal(tf.argMax(predictions, -1), labels);
      return tf.sum(tf.cast(right, "float32")) as tf.Scalar;
    });
    return { sum, count: countLabels(labels) };
  };
}
