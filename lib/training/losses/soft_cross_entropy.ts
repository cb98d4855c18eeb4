import * as tf from "@tensorflow/tfjs-core";
import {
  assertSameShape,
  divisorOf,
  findLabel,
  type Loss,
  ownLoss,
  withGradient,
} from "./loss.ts";

/**
 * Makes a loss: the cross-entropy, in nats, of logits `[..., classes]` and
 * probabilities of the same shape, for soft labels, as from mixup, label
 * smoothing or annotators who disagree. A row of zeros does not count; if none
 * does, the loss is 0.
 *
 * @example A label that is half cat, half dog
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { softCrossEntropy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = tf.tensor2d([[0, 0], [3, 0]]);
 * const labels = tf.tensor2d([[0.5, 0.5], [0, 0]]);
 * const [loss] = await softCrossEntropy()(logits, labels).data();
 * assertAlmostEquals(loss!, Math.log(2), 1e-6);
 * ```
 *
 * @returns The loss. It throws a TypeError if the labels' shape is not that of
 * the predictions.
 */
export function softCrossEntropy(): Loss {
  const loss = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertSameShape(predictions, labels);
    const rows = [-1, predictions.shape.at(-1)!];
    return tf.tidy(() => {
      const targets = tf.cast(tf.reshape(labels, rows), "float32");
      const divisor = divisorOf(tf.sum(countedRows(targets)));
      return meanOverTargets(tf.reshape(predictions, rows), targets, divisor);
    });
  };
  return ownLoss(loss, {
    count: (labels: tf.Tensor) => tf.tidy(() => tf.sum(countedRows(labels))),
    weights: (labels: tf.Tensor) => tf.tidy(() => countedRows(labels)),
    description: "softCrossEntropy",
    wrongLabels: wrongProbabilities,
  }) as Loss;
}

/** 1 for each row of labels, `[rows, classes]`, that is not all zero; 0 for others. */
function countedRows(labels: tf.Tensor): tf.Tensor {
  return tf.cast(tf.notEqual(tf.sum(labels, -1), 0), "float32");
}

async function wrongProbabilities(
  labels: tf.Tensor,
): Promise<string | undefined> {
  const wrong = await findLabel(labels, (label) => !(label >= 0 && label <= 1));
  return wrong && `should be probabilities, from 0 to 1, got ${wrong}`;
}

/**
 * The sum Σ_ic t_ic · -log softmax(x_i)_c of logits x and targets t,
 * `[rows, classes]`, divided by a number. The targets of a row add up to its
 * weight. A custom gradient takes fewer tensors of the logits' size.
 */
export function meanOverTargets(
  logits: tf.Tensor,
  targets: tf.Tensor,
  divisor: tf.Tensor,
): tf.Scalar {
  return withGradient(logits, [targets, divisor], (x, targets, divisor) => {
    const logProbabilities = tf.logSoftmax(x);
    const weights = tf.sum(targets, 1, true);
    const probabilities = tf.exp(logProbabilities);
    const errors = tf.sub(tf.mul(probabilities, weights), targets);
    const gradient = tf.div(errors, divisor);
    const sum = tf.neg(tf.sum(tf.sum(tf.mul(targets, logProbabilities), 1)));
    return { value: tf.div(sum, divisor), gradient };
  });
}
