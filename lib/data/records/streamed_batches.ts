/** Batches of a stream of shards, which can begin at any step. @module */
import {
  assertFinite,
  assertInteger,
  assertOptions,
  assertPath,
  optionsOf,
} from "@lionjs/base";
import { seeded, shuffle } from "../batches/random.ts";
import {
  assertCollate,
  assertPrefetch,
  type Batch,
  type BatchStream,
  collated,
  madeAhead,
  type OwnCollate,
} from "../batches/stream.ts";
import { interleaved } from "./interleave.ts";
import { shardCounts } from "./shard_counts.ts";
import { assertStream, type ShardedStream } from "./sharded_stream.ts";

/** Options of {@linkcode streamedBatches}. */
export interface StreamedBatchesOptions<E> {
  /** Examples per batch. */
  batchSize: number;
  /** Seed of the order and of `collate`'s random numbers. */
  seed: number;
  /** Function that makes a batch of examples. */
  collate: OwnCollate<E>;
  /** Number of consecutive examples that are shuffled together. @default 16384 */
  window?: number | undefined;
  /** Number of shards that are read in turn. @default 8 */
  shardsAtOnce?: number | undefined;
  /**
   * Number of batches made ahead; unless it is 0, the next window is read ahead
   * too.
   * @default 1
   */
  prefetch?: number | undefined;
  /**
   * The path of a file that stores the shards' numbers of examples, so that
   * they are counted only once.
   * @default they are counted each time
   */
  counts?: string | undefined;
}

const OPTIONS = optionsOf<StreamedBatchesOptions<unknown>>()(
  "batchSize seed collate window shardsAtOnce prefetch counts",
);

/** The most shards that are read by turns, each of which is open. */
const MOST_SHARDS = 4096;

/**
 * Makes endless batches of a stream of shards, each epoch in a different order:
 * the shards are shuffled, some are read in turn, and their examples are
 * shuffled in windows.
 *
 * The order depends only on the seed and the step, so training can resume at
 * any step without a state: the shards of the step's window are opened, and
 * earlier examples are skipped. Memory holds at most two windows and the open
 * shards' buffers.
 *
 * If a stream does not know its shards' numbers of examples, they are counted
 * before the first batch.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lineStream, memoryBytes, streamedBatches } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const file = new TextEncoder().encode("1\n2\n3\n4\n5\n");
 * const stream = lineStream<number>(memoryBytes(file), { parse: "json" });
 * const batches = await streamedBatches(stream, {
 *   batchSize: 2,
 *   seed: 1,
 *   collate: (numbers) => ({
 *     inputs: [],
 *     labels: tf.tensor1d([...numbers]),
 *     size: numbers.length,
 *   }),
 * });
 * assertEquals(batches.stepsPerEpoch, 2);
 * for await (const { labels } of batches.from(1000)) {
 *   assertEquals(labels.shape, [2]);
 *   labels.dispose();
 *   break;
 * }
 * ```
 *
 * @param stream The shards.
 * @param options See {@linkcode StreamedBatchesOptions}.
 * @returns The batches.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the stream does not
 * fill a batch.
 * @throws {Error} If a shard cannot be read or, while iterating, does not have
 * the counted number of examples.
 */
export async function streamedBatches<E>(
  stream: ShardedStream<E>,
  options: StreamedBatchesOptions<E>,
): Promise<BatchStream> {
  assertOptions("streamedBatches", options, OPTIONS);
  assertStream("stream", stream);
  const { batchSize, seed, collate, prefetch = 1 } = options;
  const { window = 16384, shardsAtOnce = 8, counts: path } = options;
  assertFinite("seed", seed);
  assertCollate(collate);
  assertInteger("batchSize", batchSize, 1);
  assertInteger("window", window, 1);
  assertInteger("shardsAtOnce", shardsAtOnce, 1, MOST_SHARDS);
  assertPrefetch(prefetch);
  if (path !== undefined) assertPath("counts", path);
  const counts = await shardCounts(stream, path);
  const size = counts.reduce((sum, count) => sum + count, 0);
  const stepsPerEpoch = Math.floor(size / batchSize);
  if (stepsPerEpoch === 0) {
    throw new RangeError(
      `batchSize should be at most the number of the stream's examples, ${size}, got ${batchSize}`,
    );
  }
  const epochFrom = (epoch: number, step: number) =>
    batchesOfEpoch(stream, {
      ...{ counts, shardsAtOnce, window, seed, epoch, size, batchSize },
      ...{ first: step, end: stepsPerEpoch, readsAhead: prefetch > 0 },
    });
  return {
    stepsPerEpoch,
    from(start) {
      assertInteger("start", start, 0);
      return batchesFrom(start);
    },
  };

  async function* batchesFrom(start: number): AsyncGenerator<Batch> {
    const examples = async function* (): AsyncGenerator<E[], void> {
      let epoch = Math.floor(start / stepsPerEpoch);
      yield* epochFrom(epoch, start % stepsPerEpoch);
      for (;;) yield* epochFrom(++epoch, 0);
    }();
    // The generator answers calls of `next` in order, even several at once.
    const make = async (step: number) => {
      const next = await examples.next();
      // `done` is compared with false, by which projects without strict types
      // narrow it, too.
      if (next.done !== false) {
        throw new Error(`a step before ${step} has failed`);
      }
      return collated(next.value, collate, seeded("step", seed, step));
    };
    try {
      yield* madeAhead(make, { start, end: Infinity, prefetch });
    } finally {
      await examples.return(undefined);
    }
  }
}

/** The part of an epoch to read, by its steps, and how the epoch is shuffled. */
interface EpochPart {
  readonly counts: readonly number[];
  readonly shardsAtOnce: number;
  readonly window: number;
  readonly seed: number;
  readonly epoch: number;
  /** Number of examples of an epoch. */
  readonly size: number;
  readonly batchSize: number;
  /** The first step in the epoch; `end` is the one after the last. */
  readonly first: number;
  readonly end: number;
  /** Whether a window is read while the one before is used. */
  readonly readsAhead: boolean;
}

/** The examples of an epoch's batches, from a step on. */
async function* batchesOfEpoch<E>(
  stream: ShardedStream<E>,
  part: EpochPart,
): AsyncGenerator<E[]> {
  const { seed, epoch, size, batchSize, first, end } = part;
  const order = Uint32Array.from(stream.shards, (_, shard) => shard);
  shuffle(order, seeded("shards", seed, epoch));
  const begin = first * batchSize;
  let index = Math.floor(begin / part.window);
  const examples = interleaved(
    stream,
    { ...part, order },
    index * part.window,
  );
  let ended = false;
  const readWindow = async (index: number) => {
    const length = Math.min(part.window, size - index * part.window);
    const examplesOfWindow: E[] = [];
    while (examplesOfWindow.length < length && !ended) {
      const { done, value } = await examples.next();
      if (done) break;
      examplesOfWindow.push(value);
    }
    const places = Uint32Array.from(examplesOfWindow, (_, i) => i);
    shuffle(places, seeded("window", seed, epoch, index));
    return Array.from(places, (place) => examplesOfWindow[place]!);
  };
  let skipped = begin - index * part.window;
  let batch: E[] = [];
  let coming: Promise<E[]> | undefined;
  try {
    for (let step = first; step < end;) {
      const window = await (coming ?? readWindow(index));
      index++;
      const isLast = index * part.window >= end * batchSize;
      coming = part.readsAhead && !isLast ? readWindow(index) : undefined;
      // The next window is awaited later, or never if the caller stops.
      coming?.catch(() => {});
      for (let i = skipped; i < window.length && step < end; i++) {
        batch.push(window[i]!);
        if (batch.length < batchSize) continue;
        yield batch;
        batch = [];
        step++;
      }
      skipped = 0;
    }
  } finally {
    ended = true;
    await coming?.catch(() => {});
    await examples.return(undefined);
  }
}
