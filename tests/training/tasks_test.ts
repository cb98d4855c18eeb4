/** Tasks of one's own data: their parts, classes and batches are those of the data. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Batch } from "../../lib/data/mod.ts";
import {
  corpusTask,
  imageTask,
  seriesTask,
  type Task,
  textTask,
  train,
} from "../../lib/training/mod.ts";
import { lionEncoder, lionGpt, lionViT } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { writeImages } from "../own_data/own_files.ts";

const SMALL = { dim: 8, depth: 1, numHeads: 2 };

/** The number of examples of a pass, and the labels. */
async function readAll(batches: AsyncIterable<Batch>) {
  let size = 0;
  const labels: number[] = [];
  for await (const batch of batches) {
    size += batch.size;
    labels.push(...await batch.labels.data());
    tf.dispose([...batch.inputs, batch.labels]);
  }
  return { size, labels };
}

/** Trains two steps by a task's own options, and returns the names of its metrics. */
async function trained(model: Parameters<typeof train>[0], task: Task) {
  const { evaluation } = await train(model, task.train, {
    ...{ ...task.options, steps: 2, progress: false },
  });
  model.dispose();
  for (const value of Object.values(evaluation)) assert(Number.isFinite(value));
  return Object.keys(evaluation);
}

const ROWS = Array.from({ length: 60 }, (_, i) => ({
  text: `Number ${i} of them`,
  label: i % 2 ? "odd" : "even",
}));

onCpu(
  "a table of texts is split, and the classes are those of its labels",
  async () => {
    const options = { vocabularySize: 270, length: 12, batchSize: 4 };
    // A class that occurs once is trained on.
    const rows = [...ROWS, { text: "the last", label: "alone" }];
    const task = await textTask(rows, options);
    assertEquals(task.classes, ["alone", "even", "odd"]);
    const sizes = await Promise.all(
      [task.validation(), task.test()].map(readAll),
    );
    for (const { size, labels } of sizes) {
      assert(size > 0);
      assert(labels.every((label) => label > 0));
    }
    assertEquals(task.model.numClasses, 3);
    const model = lionEncoder({ ...task.model, ...SMALL, variant: "s" });
    assertEquals(await trained(model, task), ["loss", "accuracy", "f1"]);
  },
);

onCpu("the vocabulary is of bytes, or of pieces of words", async () => {
  const texts = ROWS.map(({ text }) => text.toUpperCase());
  const options = { vocabularySize: 300, length: 8 };
  for (const tokenizer of ["bytes", "wordpiece"] as const) {
    const task = await corpusTask(texts, { ...options, tokenizer });
    const back = task.tokenizer.decode(task.tokenizer.encode("NUMBER of"));
    assertEquals(back, tokenizer === "bytes" ? "NUMBER of" : "number of");
  }
  await assertRejects(
    () => textTask(ROWS, { ...options, tokenizer: "words" as never }),
    RangeError,
    'tokenizer should be "bytes" or "wordpiece", got "words"',
  );
});

onCpu(
  "labels that are arrays are several classes of a text, or those of its words",
  async () => {
    const options = { vocabularySize: 270, length: 12, label: "tags" };
    const several = await textTask(
      ROWS.map(({ text }, i) => ({ text, tags: i % 3 ? ["a", "b"] : [] })),
      options,
    );
    const one = lionEncoder({ ...several.model, ...SMALL, variant: "s" });
    assertEquals(await trained(one, several), ["loss", "f1"]);
    const words = await textTask(
      ROWS.map(({ text }) => ({
        text: text.split(" "),
        tags: ["noun", "number", "other", "other"],
      })),
      options,
    );
    assertEquals(words.model.output, "tokens");
    const other = lionEncoder({ ...words.model, ...SMALL, variant: "s" });
    assertEquals(await trained(other, words), ["loss", "accuracy", "f1"]);
  },
);

onCpu(
  "texts alone are packed for the next token, or for masked ones",
  async () => {
    const texts = ROWS.map(({ text }) => text);
    for (const masked of [undefined, 0.3]) {
      const task = await corpusTask(texts, {
        ...{ vocabularySize: 270, length: 8, batchSize: 2, masked },
      });
      for await (const { inputs, labels } of task.validation()) {
        assertEquals(inputs[0]!.shape.slice(1), [8]);
        assertEquals(labels.shape, inputs[0]!.shape);
        tf.dispose([...inputs, labels]);
      }
      if (masked !== undefined) continue;
      const model = lionGpt({ ...task.model, ...SMALL, variant: "s" });
      assertEquals(await trained(model, task), ["loss", "accuracy"]);
    }
  },
);

onCpu(
  "a series is split in time, and scaled by what is trained on",
  async () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({
      load: String(i),
      wind: i % 5,
      note: "x",
    }));
    const task = await seriesTask(rows, {
      ...{ columns: ["load", "wind"], targets: ["load"], past: 4, ahead: 2 },
    });
    assertAlmostEquals(task.scaling.means[0]!, 39.5, 1e-12); // of the first 80
    const { labels } = await readAll(task.test());
    const last = labels.at(-1)! * task.scaling.deviations[0]! + 39.5;
    assertAlmostEquals(last, 99, 1e-4);
    const model = lionEncoder({ ...task.model, ...SMALL, variant: "s" });
    assertEquals(await trained(model, task), ["loss", "absoluteError"]);
    await assertRejects(
      () => seriesTask(rows, { columns: ["note"], past: 1, ahead: 1 }),
      RangeError,
      'note should be a number in each row, got "x" at 0',
    );
  },
);

onCpu(
  "images in folders, or in folders of parts, have the same classes",
  () =>
    withFolder(async (folder) => {
      await writeImages(`${folder}/plain`);
      for (const part of ["train", "val"]) {
        await writeImages(`${folder}/parts/${part}`);
      }
      await Deno.remove(`${folder}/parts/val/lion`, { recursive: true });
      const all = await imageTask(`${folder}/plain`, { size: 8, batchSize: 4 });
      const parts = await imageTask(`${folder}/parts`, {
        size: 8,
        batchSize: 4,
      });
      assertEquals([all.classes, parts.classes], [
        ["lion", "seal"],
        ["lion", "seal"],
      ]);
      const { labels } = await readAll(parts.validation());
      assert(labels.length > 2 && labels.every((label) => label === 1));
      const model = lionViT({
        ...all.model,
        ...SMALL,
        patchSize: 4,
        variant: "s",
      });
      assertEquals(await trained(model, all), ["loss", "accuracy", "f1"]);
      assertEquals(all.bad(), []);
    }),
);

Deno.test("a table that is none is named", async () => {
  await assertRejects(
    () => textTask("notes.txt"),
    RangeError,
    "textTask's source should be a table",
  );
  await assertRejects(
    () => textTask(ROWS.map(({ text }) => ({ text }))),
    RangeError,
    "each row should have label",
  );
});
