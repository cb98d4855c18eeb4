import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, IGNORE_INDEX, optionsOf } from "@lionjs/base";
import {
  assertSameShape,
  assertWeightsFit,
  countLabels,
  findLabel,
  type Loss,
  ownLoss,
  sharesOf,
  weightsOf,
  withGradient,
} from "./loss.ts";

/** Options of {@linkcode binaryCrossEntropy}. */
export interface BinaryCrossEntropyOptions {
  /**
   * A weight for each column, which multiplies the loss of labels that are 1.
   * With the ratio of negative to positive examples, both count the same.
   * @default 1 for all
   */
  positiveWeights?: ArrayLike<number> | undefined;
}

const OPTIONS = optionsOf<BinaryCrossEntropyOptions>()("positiveWeights");

/**
 * Makes a loss: binary cross-entropy, in nats, for examples that may have
 * several labels at once. Labels have the shape of the predictions,
 * `[..., labels]`, and are 0, 1 or a probability between, int32 or float32. A
 * label of -100 (`IGNORE_INDEX` of `@lionjs/lion/data`), such as a missing one,
 * does not count; the loss is the mean over all others, or 0 if there are none.
 * Any other label makes it NaN.
 *
 * @example Two labels, one of them unknown
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { binaryCrossEntropy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = tf.tensor2d([[0, 5]]);
 * const labels = tf.tensor2d([[1, -100]], [1, 2], "int32");
 * const [loss] = await binaryCrossEntropy()(logits, labels).data();
 * assertAlmostEquals(loss!, Math.log(2), 1e-6);
 * ```
 *
 * @param options See {@linkcode BinaryCrossEntropyOptions}.
 * @returns The loss.
 * @throws {TypeError} If an option is unknown, or not an array. The loss throws
 * it if labels and predictions differ in shape.
 * @throws {RangeError} If a weight is negative or not finite. The loss throws
 * it if there is not one weight per column.
 */
export function binaryCrossEntropy(
  options: BinaryCrossEntropyOptions = {},
): Loss {
  assertOptions("binaryCrossEntropy", options, OPTIONS);
  const positive = weightsOf("positiveWeights", options.positiveWeights);
  const loss = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertSameShape(predictions, labels);
    assertWeightsFit("positiveWeights", positive, predictions);
    return tf.tidy(() =>
      meanOfLabels(predictions, tf.cast(labels, "float32"), positive)
    );
  };
  return ownLoss(loss, {
    count: countLabels,
    description: "binaryCrossEntropy" +
      (positive ? `, positiveWeights ${positive}` : ""),
    wrongLabels,
  });
}

const isProbability = (label: number) => label >= 0 && label <= 1;

async function wrongLabels(labels: tf.Tensor): Promise<string | undefined> {
  const wrong = await findLabel(
    labels,
    (label) => label !== IGNORE_INDEX && !isProbability(label),
  );
  return wrong &&
    `should be 0, 1 or between, or ${IGNORE_INDEX} where they do not count, got ${wrong}`;
}

/**
 * The mean, over logits x and labels y of one shape, of
 * p y softplus(-x) + (1 - y) softplus(x), where p is a positive label's weight.
 * As softplus(x) = x + softplus(-x), this is (1 - y) x + w softplus(-x) with
 * w = 1 + (p - 1) y, whose derivative is w sigmoid(x) - p y. The gradient is a
 * custom one, since that of an absolute value is not defined at 0, where the
 * logits of a new head lie.
 */
function meanOfLabels(
  logits: tf.Tensor,
  labels: tf.Tensor,
  positive: readonly number[] | undefined,
): tf.Scalar {
  return withGradient(logits, [labels], (x, labels) => {
    const shares = sharesOf(labels);
    // Labels that do not count are multiplied by 0, and should be finite.
    const y = tf.where(tf.equal(labels, IGNORE_INDEX), 0, labels);
    const ofPositive = positive ? tf.mul(y, tf.tensor1d([...positive])) : y;
    const weights = positive
      ? tf.add(tf.sub(1, y), ofPositive)
      : tf.onesLike(y);
    const softplus = tf.add(
      tf.relu(tf.neg(x)),
      tf.log1p(tf.exp(tf.neg(tf.abs(x)))),
    );
    const unchecked = tf.add(
      tf.mul(tf.sub(1, y), x),
      tf.mul(weights, softplus),
    );
    const isLabel = tf.logicalAnd(tf.greaterEqual(y, 0), tf.lessEqual(y, 1));
    const losses = tf.where(isLabel, unchecked, NaN);
    const errors = tf.sub(tf.mul(weights, tf.sigmoid(x)), ofPositive);
    const gradient = tf.mul(errors, shares);
    return { value: tf.sum(tf.mul(losses, shares)), gradient };
  });
}
