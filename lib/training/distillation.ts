/**
 * Distillation: a model learns from a teacher's logits besides the labels.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertNumber,
  assertOneOf,
  assertOptions,
  IGNORE_INDEX,
  optionsOf,
} from "@lionjs/base";
import { crossEntropy } from "./losses/cross_entropy.ts";
import {
  assertFits,
  assertSameShape,
  divisorOf,
  type Loss,
  meanLoss,
  oneOfClasses,
  sharesOf,
  withGradient,
} from "./losses/loss.ts";
import { meanOverTargets } from "./losses/soft_cross_entropy.ts";
import { assertOneOutput, outputOf } from "./model_output.ts";

/**
 * A model with the same inputs as the trained one, or a function of a batch's
 * inputs; it returns logits of the same shape as the model's, or a promise of
 * them, as a model in another runtime does. A function must not dispose of its
 * inputs; its temporary tensors are disposed of, unless it is asynchronous and
 * they come after its first `await`. Resume a run with the same teacher: models
 * are compared by their weights, functions by their names.
 */
export type Teacher =
  | LayersModel
  | ((inputs: readonly tf.Tensor[]) => tf.Tensor | Promise<tf.Tensor>);

/**
 * How `train` uses a teacher; see {@linkcode TrainOptions}.
 *
 * The teacher is not trained; a model as teacher runs in inference mode. The
 * loss is (1 - weight) · the loss of `train` + weight · the teacher's. Both are
 * means over the same labels: a label of -100 (`IGNORE_INDEX` of
 * `@lionjs/lion/data`) or with a weight counts the same for the teacher as for
 * the loss; labels may be soft, as for `softCrossEntropy`. Evaluations use only
 * the loss of `train`.
 *
 * Sources: Touvron et al. 2021 (DeiT, arXiv:2012.12877), equations 2 and 3,
 * whose weights and temperature are the defaults; Hinton et al. 2015
 * (arXiv:1503.02531).
 *
 * @example Swapped labels, where only the teacher counts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { crossEntropy, train } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const dense = layers.layers.dense({ units: 2, inputShape: [1] });
 * const model = layers.sequential({ layers: [dense] });
 * const data = {
 *   stepsPerEpoch: 10,
 *   async *from() {
 *     while (true) {
 *       const inputs = [tf.tensor2d([[-1], [1]])];
 *       yield { inputs, labels: tf.tensor1d([1, 0], "int32"), size: 2 };
 *     }
 *   },
 * };
 * await train(model, data, {
 *   loss: crossEntropy(),
 *   distillation: {
 *     teacher: ([x]) => tf.concat([tf.neg(x!), x!], 1),
 *     labels: "soft",
 *     weight: 1,
 *   },
 *   steps: 100,
 *   optimizer: { learningRate: 0.1 },
 *   progress: false,
 * });
 * const logits = model.predict(tf.tensor2d([[-1], [1]])) as tf.Tensor;
 * assertEquals([...await tf.argMax(logits, 1).data()], [0, 1]);
 * ```
 */
export interface DistillationOptions {
  /** The teacher, whose logits are computed for each batch. */
  teacher: Teacher;
  /**
   * `"hard"`: the cross-entropy with the teacher's most likely class as label,
   * without label smoothing. `"soft"`: temperature² times the Kullback-Leibler
   * divergence, in nats, of the model's probabilities from the teacher's, both
   * from logits divided by the temperature. @default "hard"
   */
  labels?: "hard" | "soft" | undefined;
  /** The teacher's share of the loss, in (0, 1]. @default 0.5 for hard labels, 0.1 for soft */
  weight?: number | undefined;
  /**
   * Temperature of soft labels: the higher it is, the more uniform they are.
   * @default 3
   */
  temperature?: number | undefined;
}

const OPTIONS = optionsOf<DistillationOptions>()(
  "teacher labels weight temperature",
);

/** {@linkcode DistillationOptions} with their defaults; only soft labels have a temperature. */
export type Distillation =
  & { readonly teacher: Teacher; readonly weight: number }
  & (
    | { readonly labels: "hard" }
    | { readonly labels: "soft"; readonly temperature: number }
  );

/**
 * Returns the training loss for a batch with these inputs, and with the logits of
 * a teacher that has been asked already.
 */
export type LossFor = (
  inputs: readonly tf.Tensor[],
  taught?: tf.Tensor,
) => Loss;

/** Thrown where a teacher answers with a promise while a step computes. */
export class PromisedLogits extends Error {
  constructor(readonly logits: Promise<unknown>) {
    super("the teacher answers with a promise");
  }
}

/** Fills in the defaults; throws if an option is invalid. */
export function distillationOf(options: DistillationOptions): Distillation {
  assertOptions("train's distillation", options, OPTIONS);
  const { teacher, labels = "hard", temperature } = options;
  if (typeof teacher !== "function" && !isModel(teacher)) {
    throw new TypeError(
      `distillation's teacher should be a model or a function of a batch's inputs, got ${
        teacher === null ? "null" : typeof teacher
      }`,
    );
  }
  assertOneOf("distillation's labels", labels, ["hard", "soft"]);
  const { weight = labels === "hard" ? 0.5 : 0.1 } = options;
  assertNumber("distillation's weight", weight);
  if (!(weight > 0 && weight <= 1)) {
    throw new RangeError(
      `distillation's weight should be above 0, and 1 or less, got ${weight}`,
    );
  }
  if (labels === "hard") {
    if (temperature === undefined) return { teacher, labels, weight };
    throw new RangeError(
      `distillation's temperature is for soft labels, got ${temperature} with hard ones; leave it out, or pass labels: "soft"`,
    );
  }
  const { temperature: of = 3 } = options;
  assertNumber("distillation's temperature", of);
  if (!(of > 0 && of < Infinity)) {
    throw new RangeError(
      `distillation's temperature should be above 0 and finite, got ${of}`,
    );
  }
  return { teacher, labels, weight, temperature: of };
}

/** Recognises a model by its methods: two copies of tfjs-layers have two model classes. */
function isModel(value: unknown): value is LayersModel {
  const { apply, inputs, outputs } = Object(value) as LayersModel;
  return typeof apply === "function" && Array.isArray(inputs) &&
    Array.isArray(outputs);
}

/** Throws if a model cannot learn from a teacher. */
export function assertTeaches(
  model: LayersModel,
  distillation: Distillation | undefined,
): void {
  if (!distillation || typeof distillation.teacher === "function") return;
  const { teacher } = distillation;
  assertOneOutput(teacher);
  if (teacher.inputs.length !== model.inputs.length) {
    throw new TypeError(
      `distillation's teacher should have as many inputs as the model, ${model.inputs.length}, got ${teacher.inputs.length}; pass a function of a batch's inputs`,
    );
  }
}

/** Adds the teacher's part to the loss, if there is a teacher. */
export function lossFor(loss: Loss, distillation?: Distillation): LossFor {
  if (!distillation) return () => loss;
  return (inputs, known) => {
    const taught = known ?? tf.tidy(() => ask(distillation.teacher, inputs));
    const { weight } = distillation;
    const both = (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
      assertTaught(loss, predictions, labels);
      if (!tf.util.arraysEqual(taught.shape, predictions.shape)) {
        throw new TypeError(
          `distillation's teacher should have logits of the model's shape, [${predictions.shape}], got [${taught.shape}]`,
        );
      }
      return tf.tidy(() => {
        const own = tf.mul(meanLoss(loss, predictions, labels), 1 - weight);
        const teachers = teachersLoss(
          predictions,
          taught,
          labels,
          { ...distillation, weights: loss.weights?.(labels) },
        );
        return tf.add(own, tf.mul(teachers, weight));
      });
    };
    return loss.count ? Object.assign(both, { count: loss.count }) : both;
  };
}

function ask(teacher: Teacher, inputs: readonly tf.Tensor[]): tf.Tensor {
  const logits: unknown = typeof teacher === "function"
    ? teacher(inputs)
    : outputOf(teacher, inputs, { training: false });
  if (logits instanceof Promise) throw new PromisedLogits(logits);
  return tensorOf(logits);
}

function tensorOf(logits: unknown): tf.Tensor {
  if (logits instanceof tf.Tensor) return logits;
  throw new TypeError(
    `distillation's teacher should return a tensor of logits, or a promise of one, got ${typeof logits}`,
  );
}

/** Whether a teacher is known to answer with a promise, before it is asked. */
export function promises(teacher: Teacher | undefined): boolean {
  return Object.prototype.toString.call(teacher) === "[object AsyncFunction]";
}

/** The logits of a teacher that promises them; the caller disposes of them. */
export async function promisedBy(
  teacher: Teacher,
  inputs: readonly tf.Tensor[],
): Promise<tf.Tensor> {
  return tensorOf(await (teacher as Exclude<Teacher, LayersModel>)(inputs));
}

/** Throws unless the labels' shape fits the predictions', as the loss takes them. */
function assertTaught(
  { weights }: Loss,
  predictions: tf.Tensor,
  labels: tf.Tensor,
): void {
  if (!weights || labels.rank < predictions.rank) {
    assertFits(predictions, labels);
  } else assertSameShape(predictions, labels);
}

/**
 * The teacher's part of the loss. `weights` are of rows; if `undefined`, all
 * labels but -100 count.
 */
function teachersLoss(
  predictions: tf.Tensor,
  taught: tf.Tensor,
  labels: tf.Tensor,
  { weights, ...distillation }: Distillation & {
    readonly weights: tf.Tensor | undefined;
  },
): tf.Scalar {
  const classes = predictions.shape.at(-1)!;
  const rows = [-1, classes];
  if (distillation.labels === "hard") {
    if (weights) {
      const likeliest = oneOfClasses(tf.argMax(taught, -1), classes);
      const targets = tf.mul(likeliest, tf.reshape(weights, [-1, 1]));
      const divisor = divisorOf(tf.sum(weights));
      return meanOverTargets(tf.reshape(predictions, rows), targets, divisor);
    }
    const likeliest = tf.where(
      tf.notEqual(labels, IGNORE_INDEX),
      tf.argMax(taught, -1),
      labels,
    );
    return crossEntropy()(predictions, likeliest);
  }
  const shares = weights
    ? tf.div(weights, divisorOf(tf.sum(weights)))
    : sharesOf(labels);
  return meanDivergence(
    tf.reshape(predictions, rows),
    tf.reshape(taught, rows),
    tf.reshape(shares, [-1, 1]),
    distillation.temperature,
  );
}

/**
 * Loss of soft labels, for logits and the teacher's, `[rows, classes]`, and
 * shares, `[rows, 1]`:
 *
 *     T² Σ_i share_i KL(softmax(taught_i/T) ‖ softmax(logits_i/T))
 *
 * The factor T² keeps its gradient from shrinking as 1/T². A custom gradient
 * needs fewer tensors of the logits' size than that of tfjs.
 */
function meanDivergence(
  logits: tf.Tensor,
  taught: tf.Tensor,
  shares: tf.Tensor,
  temperature: number,
): tf.Scalar {
  return withGradient(logits, [taught, shares], (x, taught, shares) => {
    const own = tf.logSoftmax(tf.div(x, temperature));
    const wanted = tf.logSoftmax(tf.div(taught, temperature));
    const probabilities = tf.exp(wanted);
    const weights = tf.mul(shares, temperature);
    const gradient = tf.mul(tf.sub(tf.exp(own), probabilities), weights);
    const divergence = tf.mul(probabilities, tf.sub(wanted, own));
    const value = tf.mul(tf.sum(tf.mul(divergence, weights)), temperature);
    return { value, gradient };
  });
}
