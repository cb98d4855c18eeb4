import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import {
  type BatchStream,
  type Collate,
  lineStream,
  memoryBytes,
  type ShardedStream,
  streamedBatches,
} from "../../../lib/data/mod.ts";
import { onCpu, withFolder } from "../../io/files.ts";
import { mostHeld } from "./memory.ts";

/** The examples as labels, and a number drawn for each as input. */
const collate: Collate<number> = (examples, random) => ({
  inputs: [tf.tensor1d(examples.map(() => random()))],
  labels: tf.tensor1d([...examples], "int32"),
  size: examples.length,
});

async function take(stream: BatchStream, start: number, steps: number) {
  const taken: { examples: number[]; drawn: number[] }[] = [];
  if (steps === 0) return taken;
  for await (const { inputs, labels } of stream.from(start)) {
    taken.push({
      examples: [...await labels.data()],
      drawn: [...await inputs[0]!.data()],
    });
    tf.dispose([...inputs, labels]);
    if (taken.length === steps) break;
  }
  return taken;
}

/** Shards of numbers from 0 on, and what happens to them. */
function shardsOf(sizes: readonly number[]) {
  const happened = { opened: 0, closed: 0, read: 0 };
  const firsts = sizes.map((_, i) =>
    sizes.slice(0, i).reduce((sum, size) => sum + size, 0)
  );
  const stream: ShardedStream<number> = {
    shards: sizes.map((_, i) => ({ name: `shard ${i}` })),
    async *open(shard, from = 0) {
      happened.opened++;
      try {
        for (let i = from; i < sizes[shard]!; i++) {
          happened.read++;
          yield await Promise.resolve(firsts[shard]! + i);
        }
      } finally {
        happened.closed++;
      }
    },
  };
  return { stream, happened };
}

const SIZES = fc.array(fc.nat(9), { minLength: 1, maxLength: 6 });

onCpu(
  "streamedBatches() from any step is what comes after skipping",
  () =>
    fc.assert(
      fc.asyncProperty(
        SIZES,
        fc.record({
          batchSize: fc.integer({ min: 1, max: 5 }),
          seed: fc.integer(),
          window: fc.integer({ min: 1, max: 12 }),
          shardsAtOnce: fc.integer({ min: 1, max: 4 }),
        }),
        fc.nat(30),
        fc.tuple(fc.nat(3), fc.nat(3)),
        async (sizes, options, start, prefetches) => {
          const size = sizes.reduce((sum, size) => sum + size, 0);
          fc.pre(size >= options.batchSize);
          const { stream, happened } = shardsOf(sizes);
          const [all, later] = await Promise.all(
            prefetches.map((prefetch) =>
              streamedBatches(stream, { ...options, prefetch, collate })
            ),
          );
          const steps = await take(all!, 0, start + 3);
          assertEquals(await take(later!, start, 3), steps.slice(start));
          assertEquals(happened.opened, happened.closed);
          const { stepsPerEpoch } = all!;
          const epoch = steps.slice(0, stepsPerEpoch)
            .flatMap(({ examples }) => examples);
          assertEquals(new Set(epoch).size, epoch.length);
          assertEquals(stepsPerEpoch, Math.floor(size / options.batchSize));
        },
      ),
      { numRuns: 150 },
    ),
);

onCpu("streamedBatches() gives all, each epoch in another order", async () => {
  const { stream } = shardsOf([7, 0, 12, 5]);
  const make = (seed: number, window = 8) =>
    streamedBatches(stream, { batchSize: 4, seed, window, collate });
  const steps = await take(await make(1), 0, 60);
  const epochs = Array.from(
    { length: 10 },
    (_, i) => steps.slice(6 * i, 6 * i + 6).flatMap(({ examples }) => examples),
  );
  for (const epoch of epochs) {
    assertEquals(
      epoch.toSorted((a, b) => a - b),
      Array.from({ length: 24 }, (_, i) => i),
    );
  }
  assertEquals(new Set(epochs.map(String)).size, 10);
  const [other] = await take(await make(2), 0, 1);
  assert(String(other!.examples) !== String(steps[0]!.examples));
  // Shards are mixed although a window holds one example.
  const [first] = await take(await make(1, 1), 0, 1);
  assertEquals(new Set(first!.examples.map((i) => i < 7)).size, 2);
});

onCpu(
  "streamedBatches() counts once where asked, and opens near a step",
  () =>
    withFolder(async (folder) => {
      const counts = `${folder}/counts.json`;
      const options = { batchSize: 2, seed: 1, window: 10, collate };
      const { stream, happened } = shardsOf([100, 100, 100]);
      await streamedBatches(stream, { ...options, counts });
      assertEquals(happened.read, 300);
      const batches = await streamedBatches(stream, { ...options, counts });
      assertEquals(happened.read, 300);
      await take(batches, 140, 1);
      assertLess(happened.read, 325);
      // A shard that has come later is counted alone.
      const more = shardsOf([100, 100, 100, 50]);
      await streamedBatches(more.stream, { ...options, counts });
      assertEquals(more.happened.read, 50);
      await Deno.writeTextFile(counts, "[]");
      await assertRejects(
        () => streamedBatches(stream, { ...options, counts }),
        SyntaxError,
        `${counts} should have the counts of shards`,
      );
    }),
);

onCpu("streamedBatches() tells of shards that are not as counted", async () => {
  const { stream } = shardsOf([10, 10]);
  for (
    const [count, got] of [[9, "more"], [11, "10"]] as const
  ) {
    const shards = stream.shards.map((shard) => ({ ...shard, count }));
    const batches = await streamedBatches({ ...stream, shards }, {
      ...{ batchSize: 1, seed: 1, window: 4, collate, prefetch: 2 },
    });
    await assertRejects(
      () => take(batches, 0, 30),
      Error,
      `should have ${count} examples, as were counted, got ${got}`,
    );
  }
  await assertRejects(
    () => streamedBatches(stream, { batchSize: 21, seed: 1, collate }),
    RangeError,
    "batchSize should be at most the number of the stream's examples, 20",
  );
});

const jsonl = (first: number, size: number) =>
  Array.from({ length: size }, (_, i) => `{"n": ${first + i}}\n`).join("");
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("lineStream() reads lines from any on, without parsing those before", async () => {
  const text = `\ufeff{"n": 0}\r\n\n{ bad\n${jsonl(2, 3)}`;
  const stream = lineStream<{ n: number }>(
    [memoryBytes(bytes(text), "a"), memoryBytes(gzipSync(text), "b")],
    { parse: "json" },
  );
  for (const [shard, { name }] of stream.shards.entries()) {
    assertEquals(await stream.count!(shard), 5);
    assertEquals(
      (await Array.fromAsync(stream.open(shard, 2))).map(({ n }) => n),
      [2, 3, 4],
    );
    await assertRejects(
      () => Array.fromAsync(stream.open(shard)),
      SyntaxError,
      `${name}:3 should be JSON`,
    );
  }
  const lines = lineStream(memoryBytes(bytes("a\nb"), "c"), { parse: "text" });
  assertEquals(await Array.fromAsync(lines.open(0, 1)), ["b"]);
  assertEquals(
    lineStream("https://example.com/{08..10}.txt", { parse: "text" }).shards
      .map(({ name }) => name.slice(-6)),
    ["08.txt", "09.txt", "10.txt"],
  );
});

Deno.test("lineStream() names a file that is cut, after the lines before", async () => {
  const whole = gzipSync(jsonl(0, 20_000));
  const stream = lineStream<{ n: number }>(
    memoryBytes(whole.subarray(0, -5000), "cut.jsonl.gz"),
    { parse: "json" },
  );
  let read = 0;
  await assertRejects(
    async () => {
      for await (const { n } of stream.open(0)) assertEquals(n, read++);
    },
    SyntaxError,
    "cut.jsonl.gz should be gzip, and whole",
  );
  assert(read > 1000);
});

onCpu(
  "lineStream() passes bad lines over, and batches stay the same",
  async () => {
    const text = [...jsonl(0, 40).split("\n")];
    for (const place of [0, 17, 18, 39]) text[place] = "{ bad";
    const cut = gzipSync(jsonl(100, 5000)).subarray(0, -40);
    const make = () =>
      lineStream<{ n: number }>(
        [
          memoryBytes(bytes(text.join("\n")), "a.jsonl"),
          memoryBytes(cut, "b.jsonl.gz"),
        ],
        { parse: "json", onBad: { skip: true } },
      );
    const stream = make();
    const numbers = (await Array.fromAsync(stream.open(0))).map(({ n }) => n);
    const expected = Array.from({ length: 40 }, (_, i) => i);
    Object.assign(expected, { 0: 1, 17: 19, 18: 19, 39: 1 });
    assertEquals(numbers, expected);
    const lines = await Array.fromAsync(stream.open(1));
    assert(lines.length > 100 && lines.length < 5000);
    assertEquals(stream.bad.records.map(({ name }) => name), [
      ...["a.jsonl:1", "a.jsonl:18", "a.jsonl:19", "a.jsonl:40", "b.jsonl.gz"],
    ]);
    for (const from of [1, 18, 39]) {
      assertEquals(
        (await Array.fromAsync(make().open(0, from))).map(({ n }) => n),
        expected.slice(from),
      );
    }
    const options = { batchSize: 5, seed: 1, window: 20 };
    const batches = await streamedBatches(stream, {
      ...options,
      collate: (examples, random) =>
        collate(examples.map(({ n }) => n), random),
    });
    const all = await take(batches, 0, 12);
    assertEquals(await take(batches, 7, 5), all.slice(7));
    assertEquals(stream.bad.count, 5);
  },
);

onCpu(
  "streamedBatches() of 10,000 examples of gzip stays small",
  () =>
    withFolder(async (folder) => {
      // 30 MB of text, in 4 shards.
      const line = JSON.stringify({ text: "x".repeat(3000) }) + "\n";
      const shard = gzipSync(line.repeat(2500), { level: 1 });
      for (let i = 0; i < 4; i++) {
        await Deno.writeFile(`${folder}/${i}.jsonl.gz`, shard);
      }
      const stream = lineStream<{ text: string }>(`${folder}/{0..3}.jsonl.gz`, {
        parse: "json",
      });
      const batches = await streamedBatches(stream, {
        ...{ batchSize: 10, seed: 1, window: 100, shardsAtOnce: 2 },
        collate: (examples) => ({
          inputs: [],
          labels: tf.tensor1d(examples.map(({ text }) => text.length)),
          size: examples.length,
        }),
      });
      const most = await mostHeld(
        batches.from(0),
        1000,
        ({ labels }) => labels.dispose(),
      );
      assertLess(most, 12e6);
    }),
);
