import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  type Batch,
  batchesInOrder,
  type BatchStream,
  type Collate,
  type Dataset,
  datasetOf,
  shuffledBatches,
} from "../../lib/data/mod.ts";
import { onCpu } from "../io/files.ts";

/** The numbers from 0 on as a dataset. */
const numbers = (size: number) =>
  datasetOf(Array.from({ length: size }, (_, i) => i));

/** The examples as labels, and a number drawn for each as input. */
const collate: Collate<number> = (examples, random) => ({
  inputs: [tf.tensor1d(examples.map(() => random()))],
  labels: tf.tensor1d([...examples], "int32"),
  size: examples.length,
});

/** Reads and disposes of a batch. */
async function read({ inputs, labels }: Batch) {
  const values = {
    examples: [...await labels.data()],
    drawn: [...await inputs[0]!.data()],
  };
  tf.dispose([...inputs, labels]);
  return values;
}

async function take(stream: BatchStream, start: number, steps: number) {
  const taken: Awaited<ReturnType<typeof read>>[] = [];
  if (steps === 0) return taken;
  for await (const batch of stream.from(start)) {
    taken.push(await read(batch));
    if (taken.length === steps) break;
  }
  return taken;
}

/** Lets timers run, as a wait for a device does. */
const wait = () => new Promise((resolve) => setTimeout(resolve, 20));

onCpu(
  "shuffledBatches() from any step is what comes after skipping",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          size: fc.integer({ min: 1, max: 20 }),
          batchSize: fc.integer({ min: 1, max: 5 }),
          seed: fc.integer(),
          prefetch: fc.integer({ min: 0, max: 3 }),
          start: fc.nat(50),
        }).filter(({ size, batchSize }) => batchSize <= size),
        async ({ size, start, ...options }) => {
          const stream = shuffledBatches(numbers(size), {
            ...options,
            collate,
          });
          const all = await take(stream, 0, start + 3);
          assertEquals(await take(stream, start, 3), all.slice(start));
        },
      ),
      { numRuns: 50 },
    );
  },
);

onCpu(
  "shuffledBatches() gives each example once an epoch, each in another order",
  async () => {
    const make = (seed: number) =>
      shuffledBatches(numbers(12), { batchSize: 4, seed, collate });
    const stream = make(1);
    assertEquals(stream.stepsPerEpoch, 3);
    const steps = await take(stream, 0, 30);
    const epochs = Array.from(
      { length: 10 },
      (_, i) =>
        steps.slice(3 * i, 3 * i + 3).flatMap(({ examples }) => examples),
    );
    for (const epoch of epochs) {
      assertEquals(
        epoch.toSorted((a, b) => a - b),
        Array.from({ length: 12 }, (_, i) => i),
      );
    }
    assertEquals(new Set(epochs.map((epoch) => epoch.join())).size, 10);
    const drawn = steps.flatMap(({ drawn }) => drawn);
    assertEquals(new Set(drawn).size, drawn.length);

    const [other] = await take(make(2), 0, 1);
    assert(other!.examples.join() !== steps[0]!.examples.join());
    assert(other!.drawn.join() !== steps[0]!.drawn.join());
  },
);

onCpu(
  "shuffledBatches() by blocks reads some blocks at a time, and each once",
  async () => {
    // Blocks of different sizes, which need not be in order; one is empty.
    const blocks = [4, 4, 4, 0, 1, 1, 1, 1, 2, 2, 5, 5, 5, 5, 5, 0];
    const dataset = {
      ...numbers(blocks.length),
      locality: Uint32Array.from(blocks),
    };
    const options = { batchSize: 2, seed: 1, collate };
    const make = (blocksAtOnce: number) =>
      shuffledBatches(dataset, { ...options, order: "blocks", blocksAtOnce });
    const epochs = new Set<string>();
    for (const blocksAtOnce of [1, 2, 3, 9]) {
      const steps = await take(make(blocksAtOnce), 0, 16);
      assertEquals(await take(make(blocksAtOnce), 11, 5), steps.slice(11));
      for (const half of [steps.slice(0, 8), steps.slice(8)]) {
        const order = half.flatMap(({ examples }) => examples);
        epochs.add(order.join());
        assertEquals(new Set(order).size, blocks.length);
        // Between the first and the last of a block lie few others.
        const places = order.map((example) => blocks[example]!);
        const met = [...new Set(places)];
        for (let i = 0; i < met.length; i += blocksAtOnce) {
          const together = met.slice(i, i + blocksAtOnce);
          const last = Math.max(...together.map((b) => places.lastIndexOf(b)));
          const seen = new Set(places.slice(0, last + 1));
          assertEquals(seen.size, Math.min(i + blocksAtOnce, met.length));
        }
      }
    }
    assertEquals(epochs.size, 8);
    const kept = { ...dataset, localitiesKept: 2 };
    assertEquals(
      await take(shuffledBatches(kept, { ...options, order: "blocks" }), 0, 8),
      await take(make(2), 0, 8),
    );
    for (
      const [wrong, message] of [
        [{ order: "blocks" }, 'order "blocks" needs a dataset that says'],
        [{ order: "any" }, 'order should be "shuffled" or "blocks"'],
        [{ blocksAtOnce: 2 }, 'left out without order: "blocks"'],
      ] as const
    ) {
      assertThrows(
        () => shuffledBatches(numbers(4), { ...options, ...wrong as object }),
        Error,
        message,
      );
    }
  },
);

onCpu(
  "shuffledBatches() leaves what fills no batch to another epoch",
  async () => {
    const stream = shuffledBatches(numbers(7), {
      batchSize: 3,
      seed: 1,
      collate,
    });
    assertEquals(stream.stepsPerEpoch, 2);
    const steps = await take(stream, 0, 40);
    for (let i = 0; i < steps.length; i += 2) {
      const epoch = [...steps[i]!.examples, ...steps[i + 1]!.examples];
      assertEquals(new Set(epoch).size, 6);
    }
    assertEquals(new Set(steps.flatMap(({ examples }) => examples)).size, 7);
  },
);

onCpu(
  "shuffledBatches() makes batches ahead while its taker waits, and disposes of them",
  async () => {
    for (const prefetch of [0, 1, 3]) {
      let made = 0;
      const stream = shuffledBatches(numbers(4), {
        batchSize: 2,
        seed: 1,
        prefetch,
        collate(examples, random) {
          made++;
          return collate(examples, random);
        },
      });
      for await (const batch of stream.from(5)) {
        assertEquals(made, 1);
        await wait();
        assertEquals(made, 1 + prefetch);
        await read(batch);
        break;
      }
      const left = tf.memory().numTensors;
      await wait();
      assertEquals(made, 1 + prefetch);
      assertEquals(tf.memory().numTensors, left);
    }
  },
);

onCpu(
  "shuffledBatches() fails at the step that fails, whoever made it",
  async () => {
    const failing: Dataset<number> = {
      size: 2,
      get: (index) =>
        index === 1
          ? Promise.reject(new Error(`example ${index} is lost`))
          : Promise.resolve(index),
    };
    for (const prefetch of [0, 1, 3]) {
      const stream = shuffledBatches(failing, {
        batchSize: 1,
        seed: 3,
        prefetch,
        collate,
      });
      const seen: number[] = [];
      await assertRejects(
        async () => {
          for await (const batch of stream.from(0)) {
            seen.push(...(await read(batch)).examples);
            await wait();
          }
        },
        Error,
        "example 1 is lost",
      );
      assert(seen.length < 2);
    }
  },
);

onCpu("batchesInOrder() makes one pass, the same each time", async () => {
  const pass = async (seed?: number) => {
    const batches = batchesInOrder(numbers(7), {
      batchSize: 3,
      collate,
      ...(seed === undefined ? {} : { seed }),
    });
    const all: Awaited<ReturnType<typeof read>>[] = [];
    for await (const batch of batches) all.push(await read(batch));
    return all;
  };
  const first = await pass();
  assertEquals(
    first.map(({ examples }) => examples),
    [[0, 1, 2], [3, 4, 5], [6]],
  );
  assertEquals(await pass(), first);
  assert((await pass(1))[0]!.drawn[0] !== first[0]!.drawn[0]);

  for await (
    const batch of batchesInOrder(numbers(7), { batchSize: 3, collate })
  ) {
    await wait();
    await read(batch);
    break;
  }
});

Deno.test("streams name what is impossible", () => {
  const make = (size: number, options: object) => () =>
    shuffledBatches(numbers(size), {
      batchSize: 2,
      seed: 1,
      collate,
      ...options,
    });
  assertThrows(
    make(4, { batchSize: 0 }),
    RangeError,
    "batchSize should be an integer from 1",
  );
  assertThrows(make(4, { prefetch: -1 }), RangeError, "prefetch");
  assertThrows(
    make(1, {}),
    RangeError,
    "batchSize should be at most the size of the dataset, 1, got 2",
  );
  assertThrows(() => make(4, {})().from(-1), RangeError, "start");
  assertThrows(
    () => batchesInOrder(numbers(0), { batchSize: 1, collate }),
    RangeError,
    "dataset should have at least one example",
  );
  assertThrows(() => numbers(3).get(3), RangeError, "below 3, got 3");
});
