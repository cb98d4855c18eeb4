/** Evaluation: the loss and the metrics of a model on a set. @module */
import {
  assertIterable,
  assertOptions,
  assertSignal,
  type Communicator,
  type Complete,
  itemsUnlessAborted,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "@lionjs/data/batches";
import { assertBatch } from "./batch_check.ts";
import { type Loss, meanLoss } from "./losses/loss.ts";
import { Kept } from "./metrics/kept.ts";
import { assertMetrics, type Metric, type Metrics } from "./metrics/metric.ts";
import {
  AppliedModel,
  assertCommunicator,
  assertFunctions,
  assertOneOutput,
  batchesUnlessAborted,
  countOf,
  disposeBatch,
  noBatches,
  shapesOf,
  shareIn,
  wrongLabels,
} from "./model_output.ts";
import { Ranks, type Share, type SharedBy } from "./ranks.ts";
import { MILLISECONDS_BETWEEN_READS, readAll } from "./reports/read_all.ts";

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions {
  /** The loss, whose mean is returned as `loss`. */
  loss: Loss;
  /**
   * Metrics by the names under which they are returned: means over the batches, or
   * metrics of the whole set. @default none
   */
  metrics?: Metrics | undefined;
  /**
   * The ranks that share each batch. All of them call `evaluate` with the same
   * batches and get the same result. @default none
   */
  communicator?: Communicator | undefined;
  /** The axis that ranks divide among each other, as for `train`. @default "data" */
  ranks?: SharedBy | undefined;
  /** A signal that aborts between two batches, or while waiting for one. @default none */
  signal?: AbortSignal | undefined;
}

const OPTIONS = optionsOf<EvaluateOptions>()(
  "loss metrics communicator ranks signal",
);

/**
 * Computes a model's loss and metrics over all batches. In means, every label
 * has the same weight, whatever its batch.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evaluate, meanSquaredError } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const zero = layers.layers.dense({
 *   units: 1, inputShape: [1], kernelInitializer: "zeros",
 * });
 * async function* batches() {
 *   for (const size of [3, 1]) {
 *     yield { inputs: [tf.ones([size, 1])], labels: tf.ones([size, 1]), size };
 *   }
 * }
 * const model = layers.sequential({ layers: [zero] });
 * const means = await evaluate(model, batches(), { loss: meanSquaredError() });
 * assertEquals(means, { loss: 1 });
 * ```
 *
 * @param model A model with one output.
 * @param batches The batches of one pass, which are disposed of.
 * @param options See {@linkcode EvaluateOptions}.
 * @returns The loss and the metrics by name; means are NaN if no label counts.
 * @throws {TypeError} If the model has several outputs, a batch's inputs differ
 * from the model's in number, shape or dtype, or an option is unknown or of the
 * wrong type.
 * @throws {RangeError} If there are no batches, the loss is not finite because of
 * the labels, or a metric is named `loss`.
 * @throws {unknown} The signal's reason, or whatever the batches throw.
 */
export async function evaluate(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: EvaluateOptions,
): Promise<Record<string, number>> {
  const ranks = new Ranks(Object(options).communicator);
  return await ranks.whole(async () => {
    assertOneOutput(model);
    assertOptions("evaluate", options, OPTIONS);
    const { loss, metrics = {}, signal } = options;
    assertFunctions("evaluate's", { loss });
    assertMetrics(metrics);
    assertCommunicator("evaluate's", options.communicator);
    assertSignal("evaluate's", signal);
    assertIterable("evaluate's batches", batches);
    ranks.share(options.ranks);
    const each = batchesUnlessAborted(signal, batches);
    return await evaluateBy(ranks, model, each, {
      ...{ loss, metrics, signal },
      owner: "evaluate's batches",
    });
  });
}

/** The options of an evaluation, checked and with their defaults. */
type Evaluated =
  & Complete<Pick<EvaluateOptions, "loss" | "metrics">>
  & {
    readonly signal: AbortSignal | undefined;
    /** The batches' name in messages. */
    readonly owner: string;
  };

/** Evaluates a model with checked options, on ranks where an error on one is thrown on all. */
export async function evaluateBy(
  ranks: Ranks,
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  { loss, metrics, signal, owner }: Evaluated,
): Promise<Record<string, number>> {
  const means = Object.entries(metrics).flatMap(([name, metric]) =>
    typeof metric === "function" ? [[name, metric] as const] : []
  );
  const kept = new Kept(metrics);
  if (ranks.tokens && kept.first !== undefined) {
    throw new RangeError(
      `metrics' ${kept.first} is of a whole set, which ranks that share sequences cannot compute; let ranks share "data", or leave it out`,
    );
  }
  const names = ["loss", ...means.map(([name]) => name)];
  const totals = names.map(() => ({ sum: 0, count: 0 }));
  let unread: Figures[] = [];
  const shapes: string[] = [];
  let isEmpty = true, batchesRead = 0, lastRead = performance.now();
  const read = async () => {
    const taken = unread;
    unread = [];
    try {
      const all = await readAll(
        taken.flatMap(({ sums, kept }) => [sums, ...kept]),
      );
      const figures = taken.map(({ kept: { length } }) => {
        const [sums, ...values] = all.splice(0, 1 + length);
        kept.add(values);
        return sums!;
      });
      // An error in one rank's tokens is then thrown on all ranks.
      if (ranks.tokens) {
        for (const [i, values] of figures.entries()) {
          const own = Float64Array.from(values);
          figures[i] = [...await ranks.communicator!.allreduce(own)];
        }
      }
      for (const [i, values] of figures.entries()) {
        // Sums are float64: in float32, counts stop growing at 2^24 labels.
        totals.forEach((total, i) => {
          total.sum += values[2 * i]!;
          total.count += values[2 * i + 1]!;
        });
        if (Number.isFinite(values[0])) continue;
        const { labels } = taken[i]!;
        const wrong = await wrongLabels(model, loss, [labels]);
        if (!wrong) continue;
        throw new RangeError(
          `labels of evaluation batch ${batchesRead + i}, from 0, ${wrong}`,
        );
      }
    } finally {
      tf.dispose(taken.map(({ labels }) => labels));
    }
    batchesRead += taken.length;
    lastRead = performance.now();
  };
  const applied = new AppliedModel(model);
  const readEach = async () => {
    try {
      const each = itemsUnlessAborted(signal, batches, disposeBatch);
      for await (const batch of each) {
        assertBatch(model, batch);
        isEmpty = false;
        const { inputs, labels } = batch;
        // With ranks, a share's shapes may need other kernels than the batch's.
        if (!ranks.communicator) await applied.compileAhead(inputs, signal);
        if (ranks.communicator) shapes.push(shapesOf(batch));
        const share = ranks.shareOf(labels.shape[0]!);
        unread.push({
          ...figuresOf(model, batch, {
            applied,
            loss,
            metrics: means,
            kept,
            share,
          }),
          labels,
        });
        const waited = performance.now() - lastRead;
        if (ranks.tokens || waited > MILLISECONDS_BETWEEN_READS) await read();
      }
      if (isEmpty) throw noBatches(owner);
      await read();
    } finally {
      applied.dispose();
      tf.dispose(
        unread.flatMap(({ sums, kept, labels }) => [sums, ...kept, labels]),
      );
    }
  };
  await ranks.together(
    readEach,
    () => ({
      "metrics of evaluation": Object.keys(metrics).join(", "),
      ...Object.fromEntries(
        shapes.map((words, i) => [`evaluation batch ${i}, from 0,`, words]),
      ),
    }),
  );
  if (ranks.communicator && !ranks.tokens) {
    const flat = totals.flatMap(({ sum, count }) => [sum, count]);
    const sums = await ranks.communicator.allreduce(Float64Array.from(flat));
    totals.forEach((total, i) => {
      total.sum = sums[2 * i]!;
      total.count = sums[2 * i + 1]!;
    });
  }
  const ofMeans = Object.fromEntries(
    names.map((name, i) => [name, totals[i]!.sum / totals[i]!.count]),
  );
  const results = { ...ofMeans, ...await resultsOf(kept, ranks) };
  // Results are in the order in which the metrics were given.
  return Object.fromEntries(
    ["loss", ...Object.keys(metrics)].map((name) => [name, results[name]!]),
  );
}

/** The metrics of the whole set; if one throws on a rank, all ranks throw. */
async function resultsOf(
  kept: Kept,
  ranks: Ranks,
): Promise<Record<string, number>> {
  if (kept.first === undefined) return {};
  await kept.gather(ranks.communicator);
  return await ranks.together(() =>
    Promise.resolve().then(() => kept.results())
  );
}

/** The results for one batch. */
interface Figures {
  /** The sum and the count of the loss and of each metric, `[2 · (1 + metrics)]`. */
  readonly sums: tf.Tensor;
  /** Tensors of the batch that metrics of the whole set need at the end. */
  readonly kept: readonly tf.Tensor[];
  /** The labels, to look at if the loss is not finite. */
  readonly labels: tf.Tensor;
}

/** Computes a batch's results, and disposes of the batch except for its labels. */
function figuresOf(
  model: LayersModel,
  whole: Batch,
  { applied, loss, metrics, kept, share }: {
    readonly applied: AppliedModel;
    readonly loss: Loss;
    readonly metrics: readonly (readonly [name: string, metric: Metric])[];
    readonly kept: Kept;
    readonly share: Share;
  },
): Omit<Figures, "labels"> {
  try {
    return tf.tidy(() => {
      if (share.rows?.count === 0) {
        return { sums: tf.zeros([2 * (1 + metrics.length)]), kept: [] };
      }
      const batch = shareIn(model, whole, share);
      const { inputs, labels } = batch;
      const predictions = applied.outputOf(inputs, share);
      const count = countOf(loss, batch);
      const sum = tf.mul(meanLoss(loss, predictions, labels), count);
      const others = metrics.map(([name, metric]) => {
        const { sum, count } = Object(metric(predictions, labels));
        if (sum instanceof tf.Tensor && count instanceof tf.Tensor) {
          return { sum, count };
        }
        throw new TypeError(
          `metrics' ${name} should return { sum, count }, two tensors, got ${
            shown({ sum, count })
          }`,
        );
      });
      const all = [{ sum, count }, ...others];
      return {
        sums: tf.stack(all.flatMap(({ sum, count }) => [sum, count])),
        kept: kept.collect(predictions, labels),
      };
    });
  } catch (error) {
    whole.labels.dispose();
    throw error;
  } finally {
    tf.dispose([...whole.inputs]);
  }
}
