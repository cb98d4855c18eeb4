/** GLUE from its files to its metrics: the one task of numbers, and the metrics of all. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { layers, sequential } from "@tensorflow/tfjs-layers";
import {
  batchesInOrder,
  byteTokenizer,
  collateTexts,
  shuffledBatches,
} from "../../lib/data/mod.ts";
import { glue, GLUE_TASKS, type GlueTask } from "../../lib/datasets/mod.ts";
import {
  crossEntropy,
  evaluate,
  glueMetrics,
  type Loss,
  meanSquaredError,
  pearson,
  predict,
  spearman,
  train,
} from "../../lib/training/mod.ts";
import { lionBert } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";

onCpu(
  "STS-B is learned from its file, by a model with one output",
  () =>
    withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/STS-B`);
      const rows = Array.from({ length: 24 }, (_, i) => {
        const score = [0, 0.5, 1][i % 3]!;
        return ["aaa", "abc"[i % 3]!.repeat(3), score.toFixed(3)];
      });
      const table = [["sentence1", "sentence2", "score"], ...rows];
      await Deno.writeTextFile(
        `${folder}/STS-B/train.tsv`,
        table.map((row) => row.join("\t")).join("\n"),
      );
      const examples = await glue("stsb", folder, { part: "train" });
      const tokenizer = byteTokenizer();
      const collate = collateTexts({
        ...{ tokenizer, length: 9, text: "texts" },
        ...{ tokenTypes: true, regression: true },
      });
      const model = lionBert({
        ...{ vocabularySize: tokenizer.vocabularySize, maxLength: 9 },
        ...{ dim: 8, depth: 1, numHeads: 2, variant: "s", seed: 1 },
        ...{ head: "classification", numClasses: 1, pooling: "mean" },
      });
      assertEquals(model.outputs[0]!.shape, [null, 1]);
      const loss = meanSquaredError();
      const metrics = glueMetrics("stsb");
      const pass = () => batchesInOrder(examples, { batchSize: 10, collate });

      const before = await evaluate(model, pass(), { loss, metrics });
      const { evaluation, best } = await train(
        model,
        shuffledBatches(examples, { batchSize: 8, seed: 1, collate }),
        {
          ...{ loss, steps: 40, progress: false },
          optimizer: { learningRate: 0.01 },
          evaluate: { data: pass, metrics, every: 20 },
          best: { metric: "spearman" },
        },
      );
      const after = await evaluate(model, pass(), { loss, metrics });
      assert(after["loss"]! < 0.2 * before["loss"]!, `${after["loss"]}`);
      assert(before["spearman"]! < 0.9, `${before["spearman"]}`);
      assert(after["spearman"]! > 0.99, `${after["spearman"]}`);
      assertEquals(Object.keys(evaluation), ["loss", "pearson", "spearman"]);
      assertEquals(best?.value, after["spearman"]);

      const { values, shape, labels } = await predict(model, pass());
      assertEquals(shape, [24, 1]);
      assertEquals(
        [...labels],
        rows.map(([, , score]) => Math.fround(+score!)),
      );
      assertEquals(after["spearman"], spearman(values, labels));
      assertEquals(after["pearson"], pearson(values, labels));
      model.dispose();
    }),
);

onCpu("each task has the metrics that it names", async () => {
  const identity = (units: number) =>
    sequential({
      layers: [
        layers.dense({
          ...{ units, inputShape: [units] },
          kernelInitializer: "identity",
        }),
      ],
    });
  async function* batches(inputs: tf.Tensor, labels: tf.Tensor) {
    yield await Promise.resolve({ inputs: [inputs], labels, size: 5 });
  }
  const classes = () => tf.tensor1d([1, 0, 0, 1, 1], "int32");
  /** Predicted are 1, 1, 0, 0, 1. */
  const logits = (columns: number) =>
    tf.tensor2d(
      [1, 1, 0, 0, 1].map((row) =>
        Array.from({ length: columns }, (_, i) => Number(i === row))
      ),
    );
  const truths: Record<string, number> = {
    ...{ accuracy: 3 / 5, f1: 2 * 2 / (3 + 3) },
    matthews: (2 * 1 - 1 * 1) / Math.sqrt(3 * 3 * 2 * 2),
    // Ranks 1, 2, 3, 5, 4 beside 1 to 5.
    spearman: 1 - 6 * 2 / (5 * 24),
    pearson: pearson([0, 1, 2, 4, 3], [0, 1, 2, 3, 5]),
  };
  for (const task of Object.keys(GLUE_TASKS) as GlueTask[]) {
    const { classes: names, metrics, paperMetrics } = GLUE_TASKS[task];
    const columns = names?.length ?? 1;
    const model = identity(columns);
    const [inputs, labels, loss]: [tf.Tensor, tf.Tensor, Loss] = names
      ? [logits(columns), classes(), crossEntropy()]
      : [
        tf.tensor2d([0, 1, 2, 4, 3], [5, 1]),
        tf.tensor2d([0, 1, 2, 3, 5], [5, 1]),
        meanSquaredError(),
      ];
    const { loss: _, ...found } = await evaluate(
      model,
      batches(inputs, labels),
      { loss, metrics: glueMetrics(task) },
    );
    assertEquals(Object.keys(found).sort(), [...metrics].sort());
    for (const [name, value] of Object.entries(found)) {
      assertAlmostEquals(value, truths[name]!, 1e-6, `${task}'s ${name}`);
    }
    assert(paperMetrics.every((name) => metrics.includes(name)), task);
    model.dispose();
  }
  assertThrows(
    () => glueMetrics("wnli" as GlueTask),
    RangeError,
    'glueMetrics\'s task should be "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli" or "rte", got "wnli"',
  );
});
