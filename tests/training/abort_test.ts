/** A signal ends what waits for a caller's promise, and nothing is left. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Batch, BatchStream } from "../../lib/data/batches/stream.ts";
import { track } from "../../lib/notebook/progress/track.ts";
import {
  crossEntropy,
  evaluate,
  predict,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onCpu } from "../io/files.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  withFolder,
} from "./tiny.ts";

/** What the caller's promise does after the signal has ended the wait. */
const LATE = {
  "never comes": () => {},
  "comes late": (settle: Settle) => setTimeout(settle.resolve),
  "fails late": (settle: Settle) =>
    setTimeout(() => settle.reject(new Error("late"))),
};

interface Settle {
  resolve(): void;
  reject(error: Error): void;
}

/** A promise at whose first wait the signal aborts. */
function waitOf(late: (settle: Settle) => void) {
  const stop = new AbortController();
  let waits = 0;
  const wait = () => {
    waits++;
    const { promise, ...settle } = Promise.withResolvers<void>();
    setTimeout(() => {
      stop.abort(new Error("stop"));
      setTimeout(() => late(settle), 20);
    });
    return promise;
  };
  return { wait, signal: stop.signal, waited: () => waits };
}

/** Until what is late has come, and been disposed of. */
const afterwards = () => new Promise((resolve) => setTimeout(resolve, 60));

/** Data that wait before a batch. */
function dataWith(wait: () => Promise<void>, last: number): BatchStream {
  return {
    stepsPerEpoch: 10,
    async *from(start) {
      for (let position = start;; position++) {
        if (position === last) await wait();
        yield tinyBatch(position);
      }
    },
  };
}

async function* passWith(wait: () => Promise<void>): AsyncIterable<Batch> {
  yield tinyBatch(-1);
  await wait();
  yield tinyBatch(-2);
}

/** Where `train` waits for the caller, and after how many steps. */
const WAITS: Record<
  string,
  (wait: () => Promise<void>) => {
    data?: BatchStream;
    options?: Partial<TrainOptions>;
    steps: number;
  }
> = {
  "a batch": (wait) => ({ data: dataWith(wait, 6), steps: 3 }),
  "the second batch of a step": (wait) => ({
    data: dataWith(wait, 5),
    steps: 2,
  }),
  "evaluation data": (wait) => ({
    options: { evaluate: { data: () => passWith(wait), every: 2 } },
    steps: 2,
  }),
  onTrainBegin: (wait) => ({
    options: { callbacks: { onTrainBegin: wait } },
    steps: 0,
  }),
  onEpochBegin: (wait) => ({
    options: { callbacks: { onEpochBegin: wait } },
    steps: 1,
  }),
  onBatchBegin: (wait) => ({
    options: { callbacks: { onBatchBegin: once(wait) } },
    steps: 1,
  }),
  onBatchEnd: (wait) => ({
    options: { callbacks: { onBatchEnd: once(wait) } },
    steps: 1,
  }),
  onEpochEnd: (wait) => ({
    options: { callbacks: { onEpochEnd: wait } },
    steps: 5,
  }),
  onTrainEnd: (wait) => ({
    options: { steps: 4, callbacks: { onTrainEnd: wait } },
    steps: 4,
  }),
  "progress.end": (wait) => ({
    options: { steps: 4, progress: { begin() {}, update() {}, end: wait } },
    steps: 4,
  }),
};

/** Waits the first time alone. */
function once(wait: () => Promise<void>) {
  let first = true;
  return () => {
    if (!first) return;
    first = false;
    return wait();
  };
}

for (const [name, make] of Object.entries(WAITS)) {
  onCpu(`a signal ends a training that waits for ${name}`, async () => {
    for (const [course, late] of Object.entries(LATE)) {
      await withFolder(async (folder) => {
        const { wait, signal, waited } = waitOf(late);
        const { data = tinyData(), options, steps } = make(wait);
        const model = tinyModel();
        const result = await train(model, data, {
          ...tinyOptions({ checkpoints: { folder, every: 100 } }),
          ...options,
          signal,
        });
        assertEquals(waited(), 1, course);
        assertEquals(result.steps, steps, course);
        assertEquals(result.losses.length, steps);
        assertEquals(result.aborted, steps < (options?.steps ?? 20));
        const saved = `${folder}/step-00000${steps}`;
        assertEquals(result.checkpoint, steps > 0 ? saved : undefined);
        await afterwards();
        model.dispose();
      });
    }
  });
}

onCpu("a signal ends a training whose first batch does not come", async () => {
  for (const [course, late] of Object.entries(LATE)) {
    const model = tinyModel();
    const { wait, signal } = waitOf(late);
    const data = dataWith(wait, 0);
    const { steps, aborted } = await train(model, data, {
      ...tinyOptions(),
      signal,
    });
    assertEquals([steps, aborted], [0, true], course);
    await afterwards();
    // The checkpoints' run is known by its first batch.
    await withFolder(async (folder) => {
      const { wait, signal } = waitOf(late);
      await assertRejects(
        () =>
          train(model, dataWith(wait, 0), {
            ...tinyOptions({ checkpoints: { folder } }),
            signal,
          }),
        Error,
        "stop",
      );
      await afterwards();
    });
    model.dispose();
  }
});

onCpu("an epoch whose first batch does not come has no loss", async () => {
  const { wait, signal } = waitOf(() => {});
  const logs: unknown[] = [];
  const model = tinyModel();
  await train(model, dataWith(wait, 20), {
    ...tinyOptions({ steps: 100 }),
    signal,
    callbacks: { onEpochEnd: (_, log) => void logs.push(Object.keys(log!)) },
  });
  assertEquals(logs, [["loss"], ["loss"], []]);
  model.dispose();
});

onCpu("a signal ends evaluate(), which throws its reason", async () => {
  const model = tinyModel();
  const loss = crossEntropy();
  for (const late of Object.values(LATE)) {
    const { wait, signal } = waitOf(late);
    await assertRejects(
      () => evaluate(model, passWith(wait), { loss, signal }),
      Error,
      "stop",
    );
    await afterwards();
  }
  const { signal } = new AbortController();
  const { loss: mean } = await evaluate(model, tinyPass(), { loss, signal });
  assert(mean! > 0);
  model.dispose();
});

onCpu("a signal ends passes over batches that are always there", async () => {
  const model = tinyModel();
  const { numTensors } = tf.memory();
  const passes = [
    (batches: AsyncIterable<Batch>, signal: AbortSignal) =>
      predict(model, batches, { signal }),
    (batches: AsyncIterable<Batch>, signal: AbortSignal) =>
      evaluate(model, batches, { loss: crossEntropy(), signal }),
  ];
  for (const pass of passes) {
    for (const last of [0, 2]) {
      const controller = new AbortController();
      const abort = () => controller.abort(new Error("stop"));
      if (last === 0) abort();
      let taken = 0;
      const batches = async function* () {
        while (taken < 9) {
          yield tinyBatch(taken++);
          if (taken === last) abort();
        }
      };
      await assertRejects(
        () => pass(batches(), controller.signal),
        Error,
        "stop",
      );
      // The batch that is there when the signal has come is the last one.
      assertEquals(taken, last + 1);
      assertEquals(tf.memory().numTensors, numTensors);
    }
  }
  model.dispose();
});

onCpu("a signal ends track(), which throws its reason", async () => {
  for (const late of Object.values(LATE)) {
    const { wait, signal } = waitOf(late);
    const items = async function* () {
      yield "first";
      await wait();
      yield "late";
    };
    const seen: string[] = [];
    await assertRejects(
      async () => {
        for await (const item of track(items(), { signal })) seen.push(item);
      },
      Error,
      "stop",
    );
    assertEquals(seen, ["first"]);
  }
});
