import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "../data/stream.ts";
import type { Loss } from "./loss.ts";
import type { Metric } from "./metric.ts";
import { assertOneOutput, countOf, predict } from "./predict.ts";
import { MILLISECONDS_BETWEEN_READS, readAll } from "./read_all.ts";

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions {
  /** Its mean is returned as `loss`. */
  loss: Loss;
  /** By the names of their means. @default none */
  metrics?: Record<string, Metric>;
}

/**
 * The loss and metrics of a model over all batches, each label weighing the
 * same whatever batch it is in.
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
 * @param model With one output.
 * @param batches One pass; disposed of.
 * @param options See {@linkcode EvaluateOptions}.
 * @returns The means by name; NaN where nothing counts.
 * @throws {TypeError} If the model has more outputs.
 */
export async function evaluate(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
  options: EvaluateOptions,
): Promise<Record<string, number>> {
  assertOneOutput(model);
  const { loss, metrics = {} } = options;
  const names = ["loss", ...Object.keys(metrics)];
  const totals = names.map(() => ({ sum: 0, count: 0 }));
  let unread: tf.Tensor[] = [], lastRead = performance.now();
  const read = async () => {
    const taken = unread;
    unread = [];
    // Added up in 64 bits: in 32, 2^24 labels are the most that count.
    for (const values of await readAll(taken)) {
      totals.forEach((total, i) => {
        total.sum += values[2 * i]!;
        total.count += values[2 * i + 1]!;
      });
    }
    lastRead = performance.now();
  };
  try {
    for await (const batch of batches) {
      unread.push(sumsOf(model, batch, loss, Object.values(metrics)));
      const waited = performance.now() - lastRead;
      if (waited > MILLISECONDS_BETWEEN_READS) await read();
    }
    await read();
  } finally {
    tf.dispose(unread);
  }
  return Object.fromEntries(
    names.map((name, i) => [name, totals[i]!.sum / totals[i]!.count]),
  );
}

/** `[2 · (1 + metrics)]`: sum and count of the loss, and of each metric. */
function sumsOf(
  model: LayersModel,
  batch: Batch,
  loss: Loss,
  metrics: readonly Metric[],
): tf.Tensor {
  const { inputs, labels } = batch;
  try {
    return tf.tidy(() => {
      const predictions = predict(model, inputs, { training: false });
      const count = countOf(loss, batch);
      const sum = tf.mul(loss(predictions, labels), count);
      const others = metrics.map((metric) => metric(predictions, labels));
      const all = [{ sum, count }, ...others];
      return tf.stack(all.flatMap(({ sum, count }) => [sum, count]));
    });
  } finally {
    tf.dispose([...inputs, labels]);
  }
}
