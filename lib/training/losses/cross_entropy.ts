/** Cross-entropy of classes, and perplexity. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertFinite,
  assertNumber,
  assertOptions,
  IGNORE_INDEX,
  optionsOf,
} from "@lionjs/base";
import { hasKernel, runKernel } from "@lionjs/tfjs/kernel";
import { CROSS_ENTROPY } from "../../operations/cross_entropy/cross_entropy.ts";
import {
  assertFits,
  assertWeightsFit,
  counted,
  countLabels,
  divisorOf,
  findLabel,
  type Loss,
  oneOfClasses,
  ownLoss,
  sharesOf,
  weightsOf,
} from "./loss.ts";
import { meanOverTargets } from "./soft_cross_entropy.ts";

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /**
   * The share of each label's probability that is spread over all classes.
   * @default 0
   */
  labelSmoothing?: number | undefined;
  /**
   * A weight for each class. The loss is then the mean weighted by the labels'
   * weights. Weights inversely proportional to the classes' frequencies make
   * rare classes count as much as frequent ones. @default 1 for all
   */
  classWeights?: ArrayLike<number> | undefined;
}

const OPTIONS = optionsOf<CrossEntropyOptions>()("labelSmoothing classWeights");

/**
 * Makes a loss: the cross-entropy, in nats, of logits `[..., classes]` and
 * int32 labels `[...]`. A label of -100 (`IGNORE_INDEX` of `@lionjs/lion/data`)
 * does not count; if none does, the loss is 0. Any other label that is not a
 * class makes it NaN; `train` and `evaluate` then name the label.
 *
 * With class weights w and smoothing s, a row with label y adds -(1 - s) w_y
 * log p_y - (s / classes) Σ_c w_c log p_c, and the sum is divided by the sum of
 * the labels' weights, as in PyTorch.
 *
 * Source of the smoothing: Szegedy et al. 2016 (arXiv:1512.00567).
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { crossEntropy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = tf.tensor2d([[0, 0], [5, 1]]);
 * const labels = tf.tensor1d([1, -100], "int32");
 * const [loss] = await crossEntropy()(logits, labels).data();
 * assertAlmostEquals(loss!, Math.log(2), 1e-6);
 * ```
 *
 * @param options See {@linkcode CrossEntropyOptions}.
 * @returns The loss.
 * @throws {TypeError} If an option is unknown, or of the wrong type. The loss
 * throws it if the labels' shape is not that of the predictions without their
 * last axis, or their dtype is not int32.
 * @throws {RangeError} If labelSmoothing is not in [0, 1), or a weight is
 * negative or not finite. The loss throws it if there is not one weight per
 * class.
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  assertOptions("crossEntropy", options, OPTIONS);
  const { labelSmoothing = 0 } = options;
  assertFinite("labelSmoothing", labelSmoothing);
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new RangeError(
      `labelSmoothing should be in [0, 1), got ${labelSmoothing}`,
    );
  }
  const weights = weightsOf("classWeights", options.classWeights);
  const loss = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertFits(predictions, labels);
    assertWeightsFit("classWeights", weights, predictions);
    const classes = predictions.shape.at(-1)!;
    return tf.tidy(() => {
      const rows = tf.reshape(predictions, [-1, classes]);
      const flat = tf.reshape(labels, [-1]);
      return weights
        ? weightedMean(rows, flat, labelSmoothing, weights)
        : meanOverRows(rows, flat, labelSmoothing);
    });
  };
  const ofLabels = weights &&
    ((labels: tf.Tensor) => tf.tidy(() => weightsAt(labels, weights)));
  return ownLoss(loss, {
    count: ofLabels
      ? (labels: tf.Tensor) => tf.tidy(() => tf.sum(ofLabels(labels)))
      : countLabels,
    weights: ofLabels,
    description: `crossEntropy, labelSmoothing ${labelSmoothing}` +
      (weights ? `, classWeights ${weights}` : ""),
    ofClasses: true,
    wrongLabels: wrongClasses,
  }) as Loss;
}

/** Says which label is neither a class of an output of this shape nor -100. */
export async function wrongClasses(
  labels: tf.Tensor,
  shape: readonly (number | null)[],
): Promise<string | undefined> {
  const classes = shape.at(-1) ?? Infinity;
  const wrong = await findLabel(
    labels,
    (label) => label !== IGNORE_INDEX && !(label >= 0 && label < classes),
  );
  return wrong &&
    `should be classes of the model, integers from 0 to ${
      classes - 1
    }, or ${IGNORE_INDEX} where they do not count, got ${wrong}`;
}

/** The number up to which float32 represents every integer. */
const EXACT = 2 ** 24;

/** Mean cross-entropy of logits, `[rows, classes]`, and labels, `[rows]`. */
function meanOverRows(
  logits: tf.Tensor,
  labels: tf.Tensor,
  smoothing: number,
): tf.Scalar {
  const classes = logits.shape[1]!;
  if (logits.size > 0 && classes < EXACT && hasKernel(CROSS_ENTROPY)) {
    const operation = { ...CROSS_ENTROPY, plain: meanPlainly };
    const { loss } = runKernel(operation, { logits, labels }, { smoothing });
    return loss as tf.Scalar;
  }
  return meanPlainly({ logits, labels }, { smoothing }).loss;
}

function meanPlainly(
  { logits, labels }: {
    readonly logits: tf.Tensor;
    readonly labels: tf.Tensor;
  },
  { smoothing }: { readonly smoothing: number },
): { loss: tf.Scalar } {
  // A kernel gets them as float32.
  const classes = tf.cast(labels, "int32"), shares = sharesOf(labels);
  return { loss: sumOfShares(logits, classes, shares, smoothing) };
}

/**
 * The cross-entropy of logits, `[rows, classes]`, and labels, `[rows]`, each
 * multiplied by its share, and added up; a label that is neither a class nor -100
 * makes it NaN. A custom gradient takes fewer tensors of the logits' size, which
 * for a vocabulary are the largest that there are.
 */
export function sumOfShares(
  logits: tf.Tensor,
  labels: tf.Tensor,
  shares: tf.Tensor,
  smoothing = 0,
): tf.Scalar {
  const [rows, classes] = logits.shape as [number, number];
  const sum = tf.customGrad((x, save) => {
    const logits = x as tf.Tensor;
    (save as tf.GradSaveFunc)([logits, labels, shares]);
    const known = knownClasses(labels, classes);
    const first = tf.range(0, rows * classes, classes, "int32");
    const own = tf.gather(tf.reshape(logits, [-1]), tf.add(first, known));
    const expected = smoothing === 0 ? own : tf.add(
      tf.mul(own, 1 - smoothing),
      tf.mul(tf.mean(logits, 1), smoothing),
    );
    const isKnown = isKnownClass(labels, known);
    const unchecked = tf.sub(tf.logSumExp(logits, 1), expected);
    const losses = tf.where(isKnown, unchecked, NaN);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [logits, labels, shares] = saved as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const errors = tf.tidy(() => {
        const own = tf.mul(oneOfClasses(labels, classes), 1 - smoothing);
        const all = smoothing / classes;
        return tf.sub(tf.sub(tf.softmax(logits), own), all);
      });
      return tf.mul(errors, tf.reshape(tf.mul(shares, dy), [-1, 1]));
    };
    return { value: tf.sum(tf.mul(losses, shares)), gradFunc };
  });
  return sum(logits) as tf.Scalar;
}

/** The nearest class to each label, which is the label itself if it is a class. */
function knownClasses(labels: tf.Tensor, classes: number): tf.Tensor {
  return tf.minimum(
    tf.maximum(labels, tf.scalar(0, "int32")),
    tf.scalar(classes - 1, "int32"),
  );
}

/**
 * 1 for each label that is a class or does not count; `known` are the nearest
 * classes.
 */
function isKnownClass(labels: tf.Tensor, known: tf.Tensor): tf.Tensor {
  return tf.logicalOr(
    tf.equal(labels, known),
    tf.equal(labels, IGNORE_INDEX),
  );
}

/**
 * The weight of each label's class, in the labels' shape; 0 for labels that do
 * not count.
 */
function weightsAt(labels: tf.Tensor, weights: readonly number[]): tf.Tensor {
  const known = knownClasses(labels, weights.length);
  return tf.mul(tf.gather(tf.tensor1d([...weights]), known), counted(labels));
}

/** Mean cross-entropy of logits, `[rows, classes]`, weighted by class. */
function weightedMean(
  logits: tf.Tensor,
  labels: tf.Tensor,
  smoothing: number,
  weights: readonly number[],
): tf.Scalar {
  const classes = weights.length;
  const ofLabels = weightsAt(labels, weights);
  const own = tf.mul(
    oneOfClasses(labels, classes),
    tf.reshape(tf.mul(ofLabels, 1 - smoothing), [-1, 1]),
  );
  const all = tf.mul(
    tf.reshape(counted(labels), [-1, 1]),
    tf.tensor2d(weights.map((x) => x * smoothing / classes), [1, classes]),
  );
  const isKnown = isKnownClass(labels, knownClasses(labels, classes));
  const mark = tf.sum(tf.where(isKnown, 0, NaN));
  const divisor = divisorOf(tf.sum(ofLabels));
  const mean = meanOverTargets(logits, tf.add(own, all), divisor);
  return tf.add(mean, mark);
}

/**
 * Returns a model's perplexity, the number of equally likely tokens with the
 * same uncertainty: e to the power of the mean cross-entropy.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { perplexity } from "@lionjs/lion/training";
 *
 * assertAlmostEquals(perplexity(Math.log(50)), 50, 1e-12);
 * ```
 *
 * @param crossEntropy The cross-entropy in nats per token, which `evaluate`
 * returns as `loss`.
 * @returns The perplexity, 1 or more.
 */
export function perplexity(crossEntropy: number): number {
  assertNumber("perplexity's crossEntropy", crossEntropy);
  return Math.exp(crossEntropy);
}
