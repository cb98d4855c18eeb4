/** Checks of `model.compile`, so that `model.fit` learns from logits. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type LayersModel,
  metrics as metricFunctions,
  type ModelCompileArgs,
} from "@tensorflow/tfjs-layers";
import { assertModel, IGNORE_INDEX, shown } from "@lionjs/base";

/** The losses of tfjs that expect probabilities, and what to pass instead. */
const OF_PROBABILITIES: Readonly<Record<string, string>> = {
  categoricalCrossentropy:
    "tf.losses.softmaxCrossEntropy for one-hot labels, or crossEntropy() of @lionjs/lion/training for numbers of classes",
  sparseCategoricalCrossentropy:
    "crossEntropy() of @lionjs/lion/training, which takes the same labels",
  binaryCrossentropy:
    "binaryCrossEntropy() of @lionjs/lion/training, or tf.losses.sigmoidCrossEntropy",
  kullbackLeiblerDivergence:
    "softCrossEntropy() of @lionjs/lion/training, which has the same gradient",
};

/** The names of accuracy in `compile`. */
const ACCURACY: readonly unknown[] = ["accuracy", "acc"];

/** The names of metrics that expect probabilities, besides those of the losses. */
const CROSS_ENTROPIES: readonly unknown[] = ["crossentropy", "ce"];

/** A loss of `@lionjs/lion/training`, whose arguments are in the other order. */
interface Loss {
  (predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar;
  readonly description?: string;
  readonly ofClasses?: boolean;
}

/** The models whose `compile` takes the losses. */
const ACCEPTING = new WeakSet<LayersModel>();

/**
 * Makes a model's `compile` and `fit` take the losses of `@lionjs/lion/training`, as
 * those of `lionViT` and the others do, and refuse those of TensorFlow.js that
 * expect probabilities: the model's outputs are then logits, from which these learn
 * nothing, without saying so. Labels of `crossEntropy` are numbers of classes, and
 * the metric `"accuracy"` counts them.
 *
 * @example A model of one's own
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { acceptLosses, lionBlock } from "@lionjs/lion";
 * import { tokenPooling } from "@lionjs/lion/layers";
 * import { crossEntropy } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import { layers, sequential } from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = acceptLosses(sequential({
 *   layers: [
 *     layers.embedding({ inputDim: 9, outputDim: 8, maskZero: true, inputShape: [null] }),
 *     lionBlock({ numHeads: 2, variant: "s" }),
 *     tokenPooling({ kind: "mean" }),
 *     layers.dense({ units: 3 }),
 *   ],
 * }));
 * model.compile({ optimizer: "adam", loss: crossEntropy(), metrics: ["accuracy"] });
 * const ids = tf.tensor2d([[1, 2, 0], [3, 4, 5]]), labels = tf.tensor1d([0, 2]);
 * const { history } = await model.fit(ids, labels, { epochs: 1, verbose: 0 });
 * assertEquals(Object.keys(history), ["loss", "acc"]);
 * ```
 *
 * @param model A model with one output, of logits.
 * @returns The same model.
 * @throws {TypeError} If the model is none, or has several outputs.
 */
export function acceptLosses<M extends LayersModel>(model: M): M {
  assertModel("acceptLosses's model", model);
  if (model.outputs?.length > 1) {
    throw new TypeError(
      `acceptLosses's model should have one output, got ${model.outputs.length}`,
    );
  }
  if (ACCEPTING.has(model)) return model;
  ACCEPTING.add(model);
  const compile = model.compile.bind(model);
  model.compile = (args) => {
    assertArguments(args, model);
    const loss = onlyOf(args.loss, model);
    assertOfLogits("loss", loss, model);
    for (const metric of metricsOf(args, model)) {
      assertOfLogits("metric", metric, model);
    }
    if (!isOfLion(loss)) {
      if (loss === tf.losses.sigmoidCrossEntropy) refuseAccuracy(args, model);
      return compile(args);
    }
    if (!loss.ofClasses) {
      refuseAccuracy(args, model);
      return compile({
        ...args,
        loss: (labels, predictions) => loss(predictions, labels),
      });
    }
    compile({
      ...args,
      loss: (labels, predictions) =>
        loss(predictions, classesOf(labels, predictions)),
      ...(args.metrics !== undefined && {
        metrics: metricsOf(args, model).map((metric) =>
          ACCURACY.includes(metric) ? acc : metric
        ),
      }),
    });
    takeClasses(model);
  };
  return model;
}

/**
 * Throws if an argument is missing, where TensorFlow.js says only that it
 * cannot read a property of undefined.
 */
function assertArguments(args: ModelCompileArgs, { name }: LayersModel): void {
  const example = '{ optimizer: "adam", loss: crossEntropy() }';
  if (typeof args !== "object" || args === null) {
    throw new TypeError(
      `compile of model ${name} should be called with an object such as ${example}, got ${
        shown(args)
      }`,
    );
  }
  const { optimizer, loss } = args as Partial<ModelCompileArgs>;
  if (optimizer === undefined || optimizer === null) {
    throw new TypeError(
      `compile of model ${name} should be given an optimizer, such as "adam" or tf.train.sgd(0.1), got ${
        shown(optimizer)
      }`,
    );
  }
  if (
    typeof loss === "string" || typeof loss === "function" ||
    typeof loss === "object" && loss !== null
  ) return;
  throw new TypeError(
    `compile of model ${name} should be given a loss, such as crossEntropy() of @lionjs/lion/training, got ${
      shown(loss)
    }`,
  );
}

type Metric =
  | string
  | ((labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor);

/**
 * The option's value for the model's only output, given alone, in an array, or
 * by the output's name.
 */
function onlyOf(
  given: unknown,
  { outputNames }: LayersModel,
): unknown {
  if (Array.isArray(given)) return given.length === 1 ? given[0] : undefined;
  if (typeof given !== "object" || given === null) return given;
  return (given as Record<string, unknown>)[outputNames[0]!];
}

function metricsOf(
  { metrics = [] }: ModelCompileArgs,
  model: LayersModel,
): Metric[] {
  if (Array.isArray(metrics)) return metrics as Metric[];
  const only = typeof metrics === "object" ? onlyOf(metrics, model) : metrics;
  return [only].flat().filter((metric) => metric !== undefined) as Metric[];
}

function isOfLion(loss: unknown): loss is Loss {
  return typeof loss === "function" &&
    typeof (loss as Loss).description === "string";
}

/** Throws if a loss or a metric expects probabilities. */
function assertOfLogits(
  kind: "loss" | "metric",
  given: unknown,
  { name }: LayersModel,
): void {
  const functions: Readonly<Record<string, unknown>> = metricFunctions;
  const found = Object.keys(OF_PROBABILITIES).find((known) =>
    given === known || (given !== undefined && given === functions[known])
  );
  const isLogLoss = given === tf.losses.logLoss;
  const isShort = kind === "metric" && CROSS_ENTROPIES.includes(given);
  if (found === undefined && !isLogLoss && !isShort) return;
  const named = isLogLoss ? "tf.losses.logLoss" : found ?? String(given);
  const instead = isLogLoss
    ? OF_PROBABILITIES["binaryCrossentropy"]
    : found && OF_PROBABILITIES[found];
  throw new RangeError(
    `${kind} of model ${name} should be one of logits, which its outputs are, got ${named}, which expects probabilities${
      kind === "loss"
        ? `: the model would not learn; pass ${instead}`
        : "; leave it out, since the loss says the same"
    }`,
  );
}

/** Throws if metrics have "accuracy" beside a loss that is not one of classes. */
function refuseAccuracy(args: ModelCompileArgs, model: LayersModel): void {
  if (!metricsOf(args, model).some((metric) => ACCURACY.includes(metric))) {
    return;
  }
  throw new RangeError(
    `metrics of model ${model.name} should have "accuracy" only with a classification loss, such as crossEntropy() or tf.losses.softmaxCrossEntropy; pass a function (labels, logits) => tensor instead`,
  );
}

/**
 * Labels as `crossEntropy` takes them: int32 `[...]` for logits
 * `[..., classes]`, where `fit` has added an axis.
 */
function classesOf(labels: tf.Tensor, { shape }: tf.Tensor): tf.Tensor {
  return tf.cast(tf.reshape(labels, shape.slice(0, -1)), "int32");
}

/**
 * The accuracy of logits `[..., classes]`, named as tfjs names it; a label of
 * -100 does not count.
 */
function acc(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const classes = classesOf(labels, predictions);
    const right = tf.equal(tf.argMax(predictions, -1), classes);
    const counted = tf.cast(tf.notEqual(classes, IGNORE_INDEX), "float32");
    const sum = tf.sum(tf.cast(right, "float32"));
    return tf.div(sum, tf.maximum(tf.sum(counted), 1));
  });
}

/**
 * Makes `fit` expect labels `[..., 1]`, by changing the output shape that it
 * compares labels with.
 */
function takeClasses(model: LayersModel): void {
  // A sequential model has one within, which it compiles and fits.
  const { model: within = model } = model as { model?: LayersModel };
  const { feedOutputShapes } = within as unknown as {
    feedOutputShapes: (number | null)[][];
  };
  feedOutputShapes[0] = [...feedOutputShapes[0]!.slice(0, -1), 1];
}
