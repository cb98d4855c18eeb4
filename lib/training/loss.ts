import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertFinite } from "../contract/values.ts";
import { NOT_COUNTED } from "../data/text/token_batch.ts";

/** A loss function, the mean over labels that training minimises. */
export interface Loss {
  /** Computes the mean loss of predictions, given their labels. */
  (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar;
  /**
   * The number of labels that the mean is over.
   * @default the number of examples in the batch
   */
  readonly count?: ((labels: tf.Tensor) => tf.Scalar) | undefined;
  /** Identifies the loss when a run is resumed. @default the function's name */
  readonly description?: string | undefined;
  /**
   * Says what is wrong with labels, as a text that continues "labels …":
   * "should be …, got …". It is called when a loss is not finite; `shape` is
   * the shape of the model's output, with `null` for any size. @default labels
   * are not checked
   */
  readonly wrongLabels?:
    | ((
      labels: tf.Tensor,
      shape: readonly (number | null)[],
    ) => Promise<string | undefined>)
    | undefined;
}

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /**
   * The share of a label's probability that is spread over all classes.
   * @default 0
   */
  labelSmoothing?: number | undefined;
}

const OPTIONS: OptionNames<CrossEntropyOptions> = { labelSmoothing: true };

/** The weight of each label before averaging: 1 where it counts, 0 elsewhere. */
function counted(labels: tf.Tensor): tf.Tensor {
  return tf.cast(tf.notEqual(labels, NOT_COUNTED), "float32");
}

/**
 * The weight of each label in a mean over those that count; they add up to 1,
 * or to 0 if none counts.
 */
export function sharesOf(labels: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const weights = counted(labels);
    return tf.div(weights, tf.maximum(tf.sum(weights), 1));
  });
}

/** The number of labels that count. */
export function countLabels(labels: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(counted(labels)));
}

/**
 * The cross-entropy of logits `[..., classes]` and int32 labels `[...]`, in
 * nats. A label of -100 (`NOT_COUNTED` of `@lionjs/lion/data`) does not count;
 * if none does, the loss is 0. Any other label that is not a class makes it
 * NaN; `train` and `evaluate` then name the label.
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
 * @throws {TypeError} If an option is unknown. The loss throws it if the
 * labels' shape is not that of the predictions without their last axis, or
 * their dtype is not int32.
 * @throws {RangeError} If labelSmoothing is not in [0, 1).
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
  const loss = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertFits(predictions, labels);
    const classes = predictions.shape.at(-1)!;
    return tf.tidy(() => {
      const rows = tf.reshape(predictions, [-1, classes]);
      return meanOverRows(rows, tf.reshape(labels, [-1]), labelSmoothing);
    });
  };
  return Object.assign(loss, {
    count: countLabels,
    description: `crossEntropy, labelSmoothing ${labelSmoothing}`,
    wrongLabels: wrongClasses,
  });
}

async function wrongClasses(
  labels: tf.Tensor,
  shape: readonly (number | null)[],
): Promise<string | undefined> {
  const classes = shape.at(-1) ?? Infinity;
  const wrong = await findLabel(
    labels,
    (label) => label !== NOT_COUNTED && !(label >= 0 && label < classes),
  );
  return wrong &&
    `should be classes of the model, integers from 0 to ${
      classes - 1
    }, or ${NOT_COUNTED} where they do not count, got ${wrong}`;
}

async function notFinite(labels: tf.Tensor): Promise<string | undefined> {
  const wrong = await findLabel(labels, (label) => !Number.isFinite(label));
  return wrong && `should be finite, got ${wrong}`;
}

/** Describes the first label that satisfies a condition, and its index. */
async function findLabel(
  labels: tf.Tensor,
  isWrong: (label: number) => boolean,
): Promise<string | undefined> {
  const values = await labels.data();
  const place = values.findIndex(isWrong);
  if (place < 0) return undefined;
  const indices = tf.util.indexToLoc(
    place,
    labels.rank,
    tf.util.computeStrides(labels.shape),
  );
  return `${values[place]} at [${labels.rank === 1 ? place : indices}]`;
}

/** Throws unless labels are one int32 per row of predictions. */
export function assertFits({ shape }: tf.Tensor, labels: tf.Tensor): void {
  const expected = shape.slice(0, -1);
  if (!tf.util.arraysEqual(labels.shape, expected)) {
    throw new TypeError(
      `labels of predictions [${shape}] should have shape [${expected}], got [${labels.shape}]`,
    );
  }
  if (labels.dtype !== "int32") {
    throw new TypeError(
      `labels should be int32, got ${labels.dtype}; convert them with tf.cast`,
    );
  }
}

/**
 * Mean cross-entropy of rows of logits. A custom gradient takes fewer tensors of
 * the logits' size, which for a vocabulary are the largest that there are.
 */
function meanOverRows(
  logits: tf.Tensor,
  labels: tf.Tensor,
  smoothing: number,
): tf.Scalar {
  const [rows, classes] = logits.shape as [number, number];
  const mean = tf.customGrad((x, save) => {
    const logits = x as tf.Tensor;
    const shares = sharesOf(labels);
    (save as tf.GradSaveFunc)([logits, labels, shares]);
    const known = tf.minimum(
      tf.maximum(labels, tf.scalar(0, "int32")),
      tf.scalar(classes - 1, "int32"),
    );
    const first = tf.range(0, rows * classes, classes, "int32");
    const own = tf.gather(tf.reshape(logits, [-1]), tf.add(first, known));
    const expected = smoothing === 0 ? own : tf.add(
      tf.mul(own, 1 - smoothing),
      tf.mul(tf.mean(logits, 1), smoothing),
    );
    const isKnown = tf.logicalOr(
      tf.equal(labels, known),
      tf.equal(labels, NOT_COUNTED),
    );
    const unchecked = tf.sub(tf.logSumExp(logits, 1), expected);
    const losses = tf.where(isKnown, unchecked, NaN);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [logits, labels, shares] = saved as [
        tf.Tensor,
        tf.Tensor1D,
        tf.Tensor,
      ];
      const errors = tf.tidy(() => {
        const own = tf.mul(tf.oneHot(labels, classes), 1 - smoothing);
        const all = smoothing / classes;
        return tf.sub(tf.sub(tf.softmax(logits), own), all);
      });
      return tf.mul(errors, tf.reshape(tf.mul(shares, dy), [-1, 1]));
    };
    return { value: tf.sum(tf.mul(losses, shares)), gradFunc };
  });
  return mean(logits) as tf.Scalar;
}

/**
 * The mean of the squared differences of predictions and labels of the same
 * shape.
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
    if (!tf.util.arraysEqual(predictions.shape, labels.shape)) {
      throw new TypeError(
        `labels should have the shape of the predictions, [${predictions.shape}], got [${labels.shape}]`,
      );
    }
    return tf.tidy(() => tf.mean(tf.square(tf.sub(predictions, labels))));
  };
  return Object.assign(loss, {
    description: "meanSquaredError",
    wrongLabels: notFinite,
  });
}

/**
 * The perplexity of a model, the number of equally likely tokens with the same
 * uncertainty: e to the power of the mean cross-entropy.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { perplexity } from "@lionjs/lion/training";
 *
 * assertAlmostEquals(perplexity(Math.log(50)), 50, 1e-12);
 * ```
 *
 * @param crossEntropy In nats per token, as evaluate() returns it under `loss`.
 * @returns 1 or more.
 */
export function perplexity(crossEntropy: number): number {
  return Math.exp(crossEntropy);
}
