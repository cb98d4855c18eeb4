/** The interface of losses: sums over batches, divided by a count. @module */
import * as tf from "@tensorflow/tfjs-core";
import { IGNORE_INDEX, shown } from "@lionjs/base";
import { isRecording } from "@lionjs/tfjs/kernel";

/** A loss function, the mean over labels that training minimises. */
export interface Loss {
  /** Computes the mean loss of predictions, given their labels. */
  (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar;
  /**
   * The number of labels in the mean or, if labels have weights, the sum of
   * these.
   * @default the number of examples in the batch
   */
  readonly count?: ((labels: tf.Tensor) => tf.Scalar) | undefined;
  /**
   * The weight of each row of predictions in the mean, for losses with class
   * weights or soft labels. A teacher's part of the loss uses the same weights.
   *
   * @default 1 for each row, 0 where its label is -100
   */
  readonly weights?: ((labels: tf.Tensor) => tf.Tensor) | undefined;
  /**
   * Identifies the loss when a run is resumed. `model.compile` of LION's models
   * accepts a loss with a description. @default the function's name
   */
  readonly description?: string | undefined;
  /**
   * Whether labels are class indices, int32 `[...]` for predictions
   * `[..., classes]`, for `model.compile` of LION's models. @default false
   */
  readonly ofClasses?: boolean | undefined;
  /**
   * Says what is wrong with labels, as a text that continues "labels …":
   * "should be …, got …". `train` calls it before a step if it has the labels in
   * memory, and where a loss is not finite; `shape` is the shape of the model's
   * output, with `null` for any size. @default labels are not checked
   */
  readonly wrongLabels?:
    | ((
      labels: tf.Tensor,
      shape: readonly (number | null)[],
    ) => Promise<string | undefined>)
    | undefined;
}

/** The mean loss; throws unless a reader's own loss returns one. */
export function meanLoss(
  loss: Loss,
  predictions: tf.Tensor,
  labels: tf.Tensor,
): tf.Scalar {
  const mean: unknown = loss(predictions, labels);
  if (mean instanceof tf.Tensor && mean.rank === 0) return mean as tf.Scalar;
  throw new TypeError(
    `loss should return a scalar, the mean over the labels, got ${shown(mean)}`,
  );
}

/** The library's losses, each with the properties that it was made with. */
const own = new WeakMap<Loss, object>();

/** Makes one of the library's losses from a function, and remembers that it is one. */
export function ownLoss(
  loss: (predictions: tf.Tensor, labels: tf.Tensor) => tf.Scalar,
  more: Omit<Loss, "description"> & { readonly description: string },
): Loss {
  const made = Object.assign(loss, more);
  own.set(made, more);
  return made;
}

/**
 * Whether a loss is one of the library's as it was made, which computes the same of the
 * same labels.
 */
export function isOwnLoss(loss: Loss): boolean {
  const more = own.get(loss);
  if (!more) return false;
  const made = Object.entries(more);
  return Object.keys(loss).length === made.length &&
    made.every(([name, value]) => loss[name as keyof Loss] === value);
}

/**
 * The weight of each label before averaging, in the labels' shape: 1 if it
 * counts, else 0.
 */
export function counted(labels: tf.Tensor): tf.Tensor {
  return tf.cast(tf.notEqual(labels, IGNORE_INDEX), "float32");
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

/** The number of labels that count, as a float32 scalar. */
export function countLabels(labels: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(counted(labels)));
}

/** A divisor for a mean: the sum of the weights, or 1 if the sum is 0. */
export function divisorOf(sum: tf.Tensor): tf.Tensor {
  return tf.add(sum, tf.cast(tf.equal(sum, 0), "float32"));
}

/**
 * Rows with 1 at each label's class and 0 elsewhere, `[labels, classes]`; tfjs's has two
 * classes at least.
 *
 * @param labels int32, `[...]`.
 */
export function oneOfClasses(labels: tf.Tensor, classes: number): tf.Tensor {
  return tf.tidy(() => {
    const flat = tf.reshape(labels, [-1, 1]);
    return classes > 1
      ? tf.oneHot(tf.squeeze(flat, [1]) as tf.Tensor1D, classes)
      : tf.cast(tf.equal(flat, 0), "float32");
  });
}

/**
 * A loss of logits whose gradient is computed with its value, which takes fewer tensors of
 * the logits' size than that of tfjs. Where there may be a gradient of the gradient, it is
 * computed again, as a function of the logits.
 *
 * @param logits The first argument of `compute`.
 * @param others Its other ones, which have no gradient.
 */
export function withGradient<Others extends tf.Tensor[]>(
  logits: tf.Tensor,
  others: readonly [...Others],
  compute: (
    logits: tf.Tensor,
    ...others: Others
  ) => { readonly value: tf.Tensor; readonly gradient: tf.Tensor },
): tf.Scalar {
  const hasSecond = isRecording(2);
  const loss = tf.customGrad((x, save) => {
    const logits = x as tf.Tensor;
    const { value, gradient } = compute(logits, ...others);
    (save as tf.GradSaveFunc)(hasSecond ? [logits, ...others] : [gradient]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [first, ...rest] = saved as [tf.Tensor, ...Others];
      return tf.mul(hasSecond ? compute(first, ...rest).gradient : first, dy);
    };
    return { value, gradFunc };
  });
  return loss(logits) as tf.Scalar;
}

/** Describes the first label that satisfies a condition, and its index. */
export async function findLabel(
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

/** Throws unless a loss or a metric is given tensors. */
function assertTensors(predictions: tf.Tensor, labels: tf.Tensor): void {
  for (const [name, given] of Object.entries({ predictions, labels })) {
    if (given instanceof tf.Tensor) continue;
    throw new TypeError(`${name} should be a tensor, got ${shown(given)}`);
  }
}

/** Throws unless labels have shape `[...]` for predictions `[..., classes]`. */
export function assertLabelPerRow(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  ofProbabilities = "",
): void {
  assertTensors(predictions, labels);
  const { shape } = predictions;
  const expected = shape.slice(0, -1);
  if (tf.util.arraysEqual(labels.shape, expected)) return;
  throw new TypeError(
    `labels of predictions [${shape}] should have shape [${expected}], got [${labels.shape}]${
      tf.util.arraysEqual(labels.shape, shape) ? ofProbabilities : ""
    }`,
  );
}

/** Throws unless labels are int32 `[...]` for predictions `[..., classes]`. */
export function assertFits(predictions: tf.Tensor, labels: tf.Tensor): void {
  assertLabelPerRow(
    predictions,
    labels,
    "; for class probabilities use softCrossEntropy() or, in compile of a model that is not LION's, tf.losses.softmaxCrossEntropy",
  );
  if (labels.dtype !== "int32") {
    throw new TypeError(
      `labels should be int32, got ${labels.dtype}; convert them with tf.cast`,
    );
  }
}

/** Throws unless labels have the shape of the predictions. */
export function assertSameShape(
  predictions: tf.Tensor,
  labels: tf.Tensor,
): void {
  assertTensors(predictions, labels);
  const { shape } = predictions;
  if (tf.util.arraysEqual(shape, labels.shape)) return;
  throw new TypeError(
    `labels should have the shape of the predictions, [${shape}], got [${labels.shape}]`,
  );
}

/** Checks an option that has one weight, 0 or more, for each column; returns a copy. */
export function weightsOf(
  name: string,
  weights: ArrayLike<number> | undefined,
): readonly number[] | undefined {
  if (weights === undefined) return undefined;
  const given: unknown = weights;
  if (!Array.isArray(given) && !ArrayBuffer.isView(given)) {
    throw new TypeError(
      `${name} should be an array of numbers, got ${shown(given)}`,
    );
  }
  const numbers = Array.from(weights);
  const wrong = numbers.findIndex((x) =>
    // A number too large for float32 would become infinite in a tensor.
    !(typeof x === "number" && x >= 0 && Math.fround(x) < Infinity)
  );
  if (wrong >= 0 || numbers.length === 0) {
    throw new RangeError(
      `${name} should be numbers of 0 or more, one for each column of the predictions, got ${
        wrong < 0 ? "none" : `${shown(numbers[wrong])} at [${wrong}]`
      }`,
    );
  }
  return numbers;
}

/** Throws unless there is one weight for each column of predictions. */
export function assertWeightsFit(
  name: string,
  weights: readonly number[] | undefined,
  { shape }: tf.Tensor,
): void {
  if (weights === undefined || weights.length === shape.at(-1)) return;
  throw new RangeError(
    `${name} should have one weight for each of the ${
      shape.at(-1)
    } columns of the predictions, got ${weights.length}`,
  );
}
