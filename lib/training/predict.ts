/** A model's predictions on a set. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertIterable,
  assertOptions,
  assertSignal,
  optionsOf,
} from "@lionjs/base";
import type { Batch } from "@lionjs/data/batches";
import { assertBatch } from "./batch_check.ts";
import {
  AppliedModel,
  assertFunctions,
  assertOneOutput,
  batchesUnlessAborted,
  noBatches,
} from "./model_output.ts";

/** The numbers in predictions or labels. */
export type Numbers = Float32Array | Int32Array;

/** A model's predictions, with the true labels. */
export interface Predictions {
  /** The predictions, one example after another. */
  readonly values: Numbers;
  /** The predictions' shape: the number of examples, then the shape of each. */
  readonly shape: readonly number[];
  /** The labels of the batches, in the same order. */
  readonly labels: Numbers;
  /** The labels' shape. */
  readonly labelShape: readonly number[];
}

/** Options of {@linkcode predict} and {@linkcode predictBatches}. */
export interface PredictOptions {
  /**
   * Maps the model's output to the predictions to keep, on the device:
   * `(logits) => tf.argMax(logits, -1)` for classes, `tf.softmax` for
   * probabilities. Its temporary tensors are disposed of. @default the output
   * itself
   */
  map?: ((output: tf.Tensor) => tf.Tensor) | undefined;
  /** A signal that aborts between two batches, or while waiting for one. @default none */
  signal?: AbortSignal | undefined;
}

const OPTIONS = optionsOf<PredictOptions>()("map signal");

/**
 * Applies a model to all batches, in inference mode; returns its predictions with
 * the labels, for `confusionMatrix`, `f1` and others.
 *
 * @example Which digits are mistaken for which
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { confusionMatrix, predict } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const identity = layers.layers.dense({
 *   units: 2, inputShape: [2], kernelInitializer: "identity",
 * });
 * const model = layers.sequential({ layers: [identity] });
 * async function* batches() {
 *   const labels = tf.tensor1d([0, 1, 1], "int32");
 *   yield { inputs: [tf.tensor2d([[1, 0], [0, 1], [3, 2]])], labels, size: 3 };
 * }
 * const { values, labels } = await predict(model, batches(), {
 *   map: (logits) => tf.argMax(logits, -1),
 * });
 * assertEquals(confusionMatrix(values, labels), [[1, 0], [1, 1]]);
 * ```
 *
 * @param model A model with one output.
 * @param batches The batches of one pass, which are disposed of.
 * @param options See {@linkcode PredictOptions}.
 * @returns The predictions of all batches, in memory.
 * @throws {TypeError} If the model has several outputs, a batch's inputs differ
 * from the model's in number, shape or dtype, batches have predictions or
 * labels of different shapes, or an option is unknown or of the wrong type.
 * @throws {RangeError} If there are no batches.
 * @throws {unknown} The signal's reason, or whatever the batches throw.
 */
export async function predict(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: PredictOptions = {},
): Promise<Predictions> {
  const parts: Predictions[] = [];
  for await (const part of batchesOf("predict", model, batches, options)) {
    parts.push(part);
  }
  const [values, shape] = concatenatedValues(
    "predictions",
    parts.map(({ values, shape }) => [values, shape]),
  );
  const [labels, labelShape] = concatenatedValues(
    "labels",
    parts.map(({ labels, labelShape }) => [labels, labelShape]),
  );
  return { values, shape, labels, labelShape };
}

/**
 * Applies a model to batches, one after another, like {@linkcode predict}, but
 * for predictions that do not fit into memory together, or differ in length.
 * The device computes the next batch while one is read.
 *
 * @example The most confident prediction of each batch
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { predictBatches } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const identity = layers.layers.dense({
 *   units: 1, inputShape: [1], kernelInitializer: "identity",
 * });
 * const model = layers.sequential({ layers: [identity] });
 * async function* batches() {
 *   for (const x of [[1, 3], [2]]) {
 *     const labels = tf.zeros([x.length]);
 *     yield { inputs: [tf.tensor2d(x, [x.length, 1])], labels, size: x.length };
 *   }
 * }
 * const largest: number[] = [];
 * for await (const { values } of predictBatches(model, batches())) {
 *   largest.push(Math.max(...values));
 * }
 * assertEquals(largest, [3, 2]);
 * ```
 *
 * @param model A model with one output.
 * @param batches The batches of one pass, which are disposed of.
 * @param options See {@linkcode PredictOptions}.
 * @returns The predictions of each batch.
 * @throws {TypeError} If the model has several outputs, or an option is unknown
 * or of the wrong type. The iterable throws it if a batch's inputs differ from
 * the model's in number, shape or dtype.
 * @throws {RangeError} The iterable throws it if there are no batches.
 * @throws {unknown} The iterable throws the signal's reason, or whatever the
 * batches throw.
 */
export function predictBatches(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: PredictOptions = {},
): AsyncIterable<Predictions> {
  return batchesOf("predictBatches", model, batches, options);
}

function batchesOf(
  owner: string,
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: PredictOptions,
): AsyncGenerator<Predictions> {
  assertOneOutput(model);
  assertOptions(owner, options, OPTIONS);
  const { map = (output) => output, signal } = options;
  assertFunctions(`${owner}'s`, { map });
  assertSignal(`${owner}'s`, signal);
  assertIterable(`${owner}'s batches`, batches);
  return readEach(
    owner,
    model,
    batchesUnlessAborted(signal, batches),
    map,
    signal,
  );
}

async function* readEach(
  owner: string,
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  map: (output: tf.Tensor) => tf.Tensor,
  signal: AbortSignal | undefined,
): AsyncGenerator<Predictions> {
  const applied = new AppliedModel(model);
  let coming: Promise<Predictions> | undefined;
  try {
    for await (const batch of batches) {
      assertBatch(model, batch);
      if (!coming) await applied.compileAhead(batch.inputs, signal);
      const last = coming;
      coming = read(apply(applied, batch, map));
      if (last) yield await last;
    }
    if (!coming) throw noBatches(`${owner}'s batches`);
    yield await coming;
  } finally {
    // The last read disposes of its tensors, even if the caller has stopped waiting.
    await coming?.catch(() => {});
    applied.dispose();
  }
}

/** Computes the predictions kept of a batch, and disposes of the batch's inputs. */
function apply(
  applied: AppliedModel,
  { inputs, labels }: Batch,
  map: (output: tf.Tensor) => tf.Tensor,
): { readonly kept: tf.Tensor; readonly labels: tf.Tensor } {
  try {
    const kept = tf.tidy(() => {
      const kept = map(applied.outputOf(inputs));
      if (!(kept instanceof tf.Tensor)) {
        throw new TypeError(
          `map should return a tensor, got ${typeof kept}`,
        );
      }
      // A clone, since `map` may return an input, which is disposed of.
      return kept.dtype === "bool" ? tf.cast(kept, "int32") : tf.clone(kept);
    });
    return { kept, labels };
  } catch (error) {
    labels.dispose();
    throw error;
  } finally {
    tf.dispose([...inputs]);
  }
}

/** Reads a batch's predictions and labels, and disposes of the tensors. */
async function read(
  { kept, labels }: { readonly kept: tf.Tensor; readonly labels: tf.Tensor },
): Promise<Predictions> {
  try {
    const [values, given] = await Promise.all([kept.data(), labels.data()]);
    return {
      values: values as Numbers,
      shape: [...kept.shape],
      labels: given as Numbers,
      labelShape: [...labels.shape],
    };
  } finally {
    tf.dispose([kept, labels]);
  }
}

/** Concatenates the values of all batches along their first axis. */
function concatenatedValues(
  name: string,
  parts: readonly (readonly [Numbers, readonly number[]])[],
): [Numbers, readonly number[]] {
  const [[, [, ...each]]] = parts as readonly [typeof parts[number]];
  let rows = 0, size = 0;
  for (const [values, [own, ...others]] of parts) {
    if (own === undefined || !tf.util.arraysEqual(each, others)) {
      throw new TypeError(
        `${name} of all batches should have the same shape but for the first axis, [any,${each}], got [${[
          own ?? "",
          ...others,
        ]}]; pad all batches to one length, or use predictBatches`,
      );
    }
    rows += own;
    size += values.length;
  }
  const isInteger = parts.every(([values]) => values instanceof Int32Array);
  const all = isInteger ? new Int32Array(size) : new Float32Array(size);
  let place = 0;
  for (const [values] of parts) {
    all.set(values, place);
    place += values.length;
  }
  return [all, [rows, ...each]];
}
