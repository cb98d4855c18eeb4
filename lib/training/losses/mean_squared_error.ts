import * as tf from "@tensorflow/tfjs-core";
import { assertSameShape, findLabel, type Loss, ownLoss } from "./loss.ts";

/**
 * Makes a loss: the mean of the squared differences between predictions and
 * labels of the same shape.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { meanSquaredError } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const loss = meanSquaredError()(tf.tensor1d([1, 2]), tf.tensor1d([1, 4]));
 * assertEquals([...await loss.data()], [2]);
 * ```
 *
 * @returns The loss.
 */
export function meanSquaredError(): Loss {
  const loss = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertSameShape(predictions, labels);
    return tf.tidy(() => tf.mean(tf.square(tf.sub(predictions, labels))));
  };
  return ownLoss(loss, {
    description: "meanSquaredError",
    wrongLabels: notFinite,
  });
}

async function notFinite(labels: tf.Tensor): Promise<string | undefined> {
  const wrong = await findLabel(labels, (label) => !Number.isFinite(label));
  return wrong && `should be finite, got ${wrong}`;
}
