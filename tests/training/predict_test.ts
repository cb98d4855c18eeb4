/** Predictions of a data set are those of its batches. @module */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Batch } from "../../lib/data/batches/stream.ts";
import { predict, predictBatches } from "../../lib/training/mod.ts";
import type { PredictOptions } from "../../lib/training/predict.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { tinyBatch, tinyModel } from "./tiny.ts";

async function* several(sizes = [4, 1, 3]) {
  for (const [i, size] of sizes.entries()) {
    yield await Promise.resolve(tinyBatch(-i, size, 0.2));
  }
}

onEachBackend(
  "predict() joins what the model makes of each batch",
  async () => {
    const model = tinyModel({ depth: 1 });
    const values: number[] = [], classes: number[] = [], labels: number[] = [];
    for await (const batch of several()) {
      const logits = model.predict([...batch.inputs]) as tf.Tensor;
      const largest = tf.argMax(logits, -1);
      values.push(...await logits.data());
      classes.push(...await largest.data());
      labels.push(...await batch.labels.data());
      tf.dispose([...batch.inputs, batch.labels, logits, largest]);
    }
    const all = await predict(model, several());
    assertEquals([...all.values], values);
    assertEquals([...all.labels], labels);
    assertEquals([all.shape, all.labelShape], [[8, 3], [8]]);
    assertEquals(all.labels.constructor, Int32Array);
    const map = (logits: tf.Tensor) => tf.argMax(logits, -1);
    const guessed = await predict(model, several(), { map });
    assertEquals([[...guessed.values], guessed.shape], [classes, [8]]);
    const decided = await predict(model, several(), {
      map: (logits) => tf.greater(logits, 0),
    });
    assertEquals([...decided.values], values.map((x) => Number(x > 0)));

    const parts = await Array.fromAsync(predictBatches(model, several()));
    assertEquals(parts.map(({ shape }) => shape[0]), [4, 1, 3]);
    assertEquals(parts.flatMap(({ values }) => [...values]), values);
    // Whoever has seen enough leaves nothing behind.
    for await (const { shape } of predictBatches(model, several())) {
      assertEquals(shape, [4, 3]);
      break;
    }
    await assertRejects(
      () => predict(model, several([])),
      RangeError,
      "predict's batches should be one or more, got none",
    );
    model.dispose();
  },
);

onCpu("predict() names what is wrong, and leaks nothing", async () => {
  const model = tinyModel({ depth: 1 });
  const before = tf.memory().numTensors;
  const cases: [PredictOptions, string][] = [
    [
      { mapped: 1 } as object,
      'predict has no option "mapped"; did you mean "map"?',
    ],
    [{ map: 1 as never }, "predict's map should be a function, got number"],
    [{ map: () => 1 as never }, "map should return a tensor, got number"],
    [{ signal: 1 as never }, "predict's signal should be an AbortSignal"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(
      () => predict(model, several(), options),
      TypeError,
      message,
    );
  }
  assertThrows(
    () => predictBatches(model, 1 as never),
    TypeError,
    "predictBatches's batches should be an array or another iterable",
  );
  async function* uneven(): AsyncIterable<Batch> {
    for (const length of [2, 3]) {
      yield await Promise.resolve({
        inputs: [tf.ones([1, length, 2]), tf.ones([1, length])],
        labels: tf.ones([1, length], "int32"),
        size: 1,
      });
    }
  }
  await assertRejects(
    () => predict(model, uneven()),
    TypeError,
    "labels of all batches should have the same shape but for the first axis, [any,2], got [1,3]; pad all batches to one length, or use predictBatches",
  );
  async function* failing() {
    yield* several();
    throw new Error("the reason");
  }
  await assertRejects(() => predict(model, failing()), Error, "the reason");
  async function* bad(): AsyncIterable<Batch> {
    yield* several();
    const { inputs: [x, mask], ...batch } = tinyBatch(0);
    mask!.dispose();
    yield { ...batch, inputs: [x!] };
  }
  await assertRejects(
    () => predict(model, bad()),
    TypeError,
    "as many inputs as the model, 2",
  );
  async function* waiting(): AsyncIterable<Batch> {
    yield* several();
    await new Promise(() => {});
  }
  const signal = AbortSignal.timeout(50);
  await assertRejects(
    () => predict(model, waiting(), { signal }),
    DOMException,
    "timeout",
  );
  // What never waits lets a timer abort it, too.
  async function* ready(): AsyncIterable<Batch> {
    const end = performance.now() + 5000;
    while (performance.now() < end) yield tinyBatch(0);
  }
  await assertRejects(
    () => predict(model, ready(), { signal: AbortSignal.timeout(50) }),
    DOMException,
    "timeout",
  );
  assertEquals(tf.memory().numTensors, before);
  model.dispose();
});
