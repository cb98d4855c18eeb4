/** A report on a classifier: its scores on a set, class by class. @module */
import { assertOptions, assertSignal, optionsOf } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "@lionjs/data/batches";
import { classNames } from "../models/class_names.ts";
import { type ClassScores, classScores } from "./metrics/class_scores.ts";
import { accuracyOf, confusionMatrix } from "./metrics/classification.ts";
import { assertOneOutput } from "./model_output.ts";
import { predict } from "./predict.ts";

/** Options of {@linkcode report}. */
export interface ReportOptions {
  /** A signal that aborts between two batches, or while waiting for one. @default none */
  signal?: AbortSignal | undefined;
}

const OPTIONS = optionsOf<ReportOptions>()("signal");

/** The result of {@linkcode report}. */
export interface ClassReport {
  /** The names of the classes, or their numbers. */
  readonly classes: readonly string[];
  /** Precision, recall, F1 and support of each class, and their means. */
  readonly rows: readonly ClassScores[];
  /** How often each true class (row) was taken for each class (column). */
  readonly confusion: number[][];
  /** The share of labels whose class is predicted. */
  readonly accuracy: number;
}

/**
 * Reports what a classifier gets right and wrong: a row of scores for each class,
 * as `classScores` computes them, and the confusion matrix, for `confusionFigure`.
 * Labels of -100 do not count; labels may be those of tokens. With labels of
 * several classes at once, `[examples, classes]`, 0 or 1, use `predict`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { setClassNames } from "@lionjs/lion";
 * import { report } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const identity = layers.layers.dense({
 *   units: 2, inputShape: [2], kernelInitializer: "identity",
 * });
 * const model = layers.sequential({ layers: [identity] });
 * setClassNames(model, ["cat", "lion"]);
 * async function* batches() {
 *   const labels = tf.tensor1d([0, 1, 1], "int32");
 *   yield { inputs: [tf.tensor2d([[1, 0], [0, 1], [3, 2]])], labels, size: 3 };
 * }
 * const { rows, confusion } = await report(model, batches());
 * console.table(rows);
 * assertEquals(rows[1]!.recall, 0.5);
 * assertEquals(confusion, [[1, 0], [1, 1]]);
 * ```
 *
 * @param model A model with one output, logits `[..., classes]`.
 * @param batches The batches of one pass, which are disposed of.
 * @param options See {@linkcode ReportOptions}.
 * @returns See {@linkcode ClassReport}.
 * @throws {TypeError} If the model has several outputs, labels are not one class for
 * each prediction, or an option is unknown or of the wrong type.
 * @throws {RangeError} If there are no batches, or a label is not a class.
 * @throws {unknown} The signal's reason, or whatever the batches throw.
 */
export async function report(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: ReportOptions = {},
): Promise<ClassReport> {
  assertOptions("report", options, OPTIONS);
  const { signal } = options;
  assertSignal("report's", signal);
  assertOneOutput(model);
  const columns = model.outputs[0]!.shape.at(-1)!;
  const { values, labels } = await predict(model, batches, {
    map: (logits) => tf.argMax(logits, -1),
    signal,
  });
  if (values.length !== labels.length) {
    throw new TypeError(
      `report's batches should have one label for each prediction, ${values.length}, got ${labels.length}: for several classes at once, use predict`,
    );
  }
  const classes = classNames(model) ??
    Array.from({ length: columns }, (_, i) => String(i));
  return {
    classes,
    rows: classScores(values, labels, { classes }),
    confusion: confusionMatrix(values, labels, { classes: columns }),
    accuracy: accuracyOf(values, labels),
  };
}
