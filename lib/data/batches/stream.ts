/** Streams of batches: a step's batch depends only on the seed and the step. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertFinite,
  assertInteger,
  assertOneOf,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import {
  type BlockDataset,
  blockOrders,
  epochOrders,
  ordersByLength,
} from "./orders.ts";
import { assertDataset, type Dataset, datasetOf } from "./dataset.ts";
import { assertNumbers } from "./integers.ts";
import { type Random, seeded } from "./random.ts";

/** The examples of a step as tensors. Whoever takes a batch disposes of it. */
export interface Batch {
  /**
   * Inputs in the model's order, each `[size, …]`, or with fewer rows if
   * examples are packed.
   */
  readonly inputs: tf.Tensor[];
  /** Labels for the loss, with as many rows as the inputs. */
  readonly labels: tf.Tensor;
  /** Number of examples. */
  readonly size: number;
}

/**
 * Endless batches that can start at any step; a step's batch is always the
 * same.
 */
export interface BatchStream {
  /**
   * Number of steps per epoch; examples that do not fill a batch are left out
   * of the epoch.
   */
  readonly stepsPerEpoch: number;
  /** Yields the batches of the steps `start`, `start` + 1 and so on, without end. */
  from(start: number): AsyncIterable<Batch>;
}

/**
 * Makes a batch from examples. All random numbers come from `random`, which
 * depends only on the seed and the step.
 */
export type Collate<E> = (examples: readonly E[], random: Random) => Batch;

/** A batch as a function of one's own makes it. */
export interface OwnBatch extends Pick<Batch, "inputs" | "labels"> {
  /** Number of examples. @default the labels' rows */
  readonly size?: number | undefined;
}

/** A function of one's own that makes a batch from examples, as {@linkcode Collate} does. */
export type OwnCollate<E> = (examples: E[], random: Random) => OwnBatch;

/** Options of {@linkcode shuffledBatches}. */
export interface ShuffledBatchesOptions<E> {
  /** Examples per batch. */
  batchSize: number;
  /** Seed of the order and of `collate`'s random numbers. @default 0 */
  seed?: number | undefined;
  /** Function that makes a batch of examples. */
  collate: OwnCollate<E>;
  /**
   * Number of batches made ahead, while the caller's device computes; at most
   * 1024. @default 1
   */
  prefetch?: number | undefined;
  /**
   * `"shuffled"`: any example may follow any other. `"blocks"`, for datasets
   * whose examples lie in blocks, such as `parquet`'s: blocks are shuffled,
   * then the examples of several blocks at a time, so that each block is read
   * once per epoch.
   * @default "shuffled"
   */
  order?: "shuffled" | "blocks" | undefined;
  /**
   * Number of blocks that are shuffled together, with `order: "blocks"`.
   * @default as many as the dataset keeps in memory, else 8
   */
  blocksAtOnce?: number | undefined;
  /**
   * The length of each example, such as its characters. Batches are then of
   * examples of like lengths, and have less padding where they are padded to
   * their longest: of every 64 batches, the examples are sorted by length, and
   * the batches shuffled. @default batches are of any lengths
   */
  lengths?: ArrayLike<number> | undefined;
}

/** Options of {@linkcode batchesInOrder}. */
export interface BatchesInOrderOptions<E> {
  /** Examples per batch. */
  batchSize: number;
  /** Function that makes a batch of examples. */
  collate: OwnCollate<E>;
  /** Seed of `collate`'s random numbers. @default 0 */
  seed?: number | undefined;
}

const SHUFFLED = optionsOf<ShuffledBatchesOptions<unknown>>()(
  "batchSize seed collate prefetch order blocksAtOnce lengths",
);

const IN_ORDER = optionsOf<BatchesInOrderOptions<unknown>>()(
  "batchSize collate seed",
);

/** The most batches made ahead, each of which has its tensors. */
const MOST_PREFETCHED = 1024;

export function assertPrefetch(prefetch: number): void {
  assertInteger("prefetch", prefetch, 0, MOST_PREFETCHED);
}

/** Throws unless a value can make batches. */
export function assertCollate(collate: unknown): void {
  if (typeof collate === "function") return;
  throw new TypeError(
    `collate should be a function that makes a batch of examples, such as collateTokens(), got ${typeof collate}`,
  );
}

/**
 * Makes endless batches of a dataset, each epoch in a different order.
 *
 * An epoch's order depends on the seed and the epoch, and a batch's random
 * numbers on the seed and the step, so the step alone determines where to
 * resume.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { datasetOf, shuffledBatches } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const stream = shuffledBatches(datasetOf([10, 11, 12, 13]), {
 *   batchSize: 2,
 *   seed: 1,
 *   collate: (examples) => ({
 *     inputs: [tf.tensor1d([...examples])],
 *     labels: tf.tensor1d([...examples]),
 *     size: examples.length,
 *   }),
 * });
 * assertEquals(stream.stepsPerEpoch, 2);
 *
 * const epoch: number[] = [];
 * for await (const { inputs, labels } of stream.from(0)) {
 *   epoch.push(...await labels.data());
 *   tf.dispose([...inputs, labels]);
 *   if (epoch.length === 4) break;
 * }
 * assertEquals(epoch.sort(), [10, 11, 12, 13]);
 * ```
 *
 * @param examples The examples, as a dataset or an array.
 * @param options See {@linkcode ShuffledBatchesOptions}.
 * @returns The stream. When its iteration stops, batches made ahead are
 * disposed of.
 * @throws {TypeError} If the dataset is none, or an option is unknown, or of the
 * wrong type.
 * @throws {RangeError} If an option has an invalid value, or the dataset does
 * not fill a batch, or has more than 2^30 examples to shuffle.
 */
export function shuffledBatches<E>(
  examples: Dataset<E> | readonly E[],
  options: ShuffledBatchesOptions<E>,
): BatchStream {
  const dataset = asDataset("shuffledBatches's dataset", examples);
  assertOptions("shuffledBatches", options, SHUFFLED);
  const { batchSize, seed = 0, collate, prefetch = 1, lengths } = options;
  assertFinite("seed", seed);
  assertCollate(collate);
  assertInteger("batchSize", batchSize, 1);
  assertPrefetch(prefetch);
  const stepsPerEpoch = Math.floor(dataset.size / batchSize);
  if (stepsPerEpoch === 0) {
    throw new RangeError(
      `batchSize should be at most the size of the dataset, ${dataset.size}, got ${batchSize}`,
    );
  }
  if (lengths !== undefined) assertLengths(lengths, dataset.size);
  const shuffled = ordersOf(dataset, { ...options, seed });
  const orderOf = lengths === undefined
    ? shuffled
    : ordersByLength(shuffled, lengths, batchSize, seed);
  const make = (step: number) => {
    const first = (step % stepsPerEpoch) * batchSize;
    const indices = orderOf(Math.floor(step / stepsPerEpoch))
      .subarray(first, first + batchSize);
    return batchOf(dataset, indices, collate, seeded("step", seed, step));
  };
  return {
    stepsPerEpoch,
    from(start) {
      assertInteger("start", start, 0);
      return madeAhead(make, { start, end: Infinity, prefetch });
    },
  };
}

/** The dataset that is given, or that of an array. */
function asDataset<E>(
  name: string,
  examples: Dataset<E> | readonly E[],
): Dataset<E> {
  if (Array.isArray(examples)) return datasetOf(examples);
  assertDataset(name, examples as Dataset<E>);
  return examples as Dataset<E>;
}

function assertLengths(lengths: ArrayLike<number>, size: number): void {
  assertNumbers("lengths", lengths);
  if (lengths.length !== size) {
    throw new RangeError(
      `lengths should be one for each of the ${size} examples, got ${lengths.length}`,
    );
  }
  for (let i = 0; i < size; i++) assertFinite("each of lengths", lengths[i]!);
}

/** The most examples that are shuffled, whose order takes 4 GiB. */
const MOST_SHUFFLED = 2 ** 30;

/** The order of the examples in each epoch. */
export function ordersOf<E>(
  dataset: Dataset<E> & Partial<BlockDataset<E>>,
  { seed, order = "shuffled", blocksAtOnce }:
    & Pick<ShuffledBatchesOptions<E>, "order" | "blocksAtOnce">
    & { seed: number },
): (epoch: number) => Uint32Array {
  assertOneOf("order", order, ["shuffled", "blocks"]);
  if (blocksAtOnce !== undefined) {
    assertInteger("blocksAtOnce", blocksAtOnce, 1);
  }
  if (order === "shuffled") {
    if (blocksAtOnce === undefined) {
      assertInteger("dataset.size", dataset.size, 0, MOST_SHUFFLED);
      return epochOrders(dataset.size, seed);
    }
    throw new RangeError(
      'blocksAtOnce should be left out without order: "blocks"',
    );
  }
  const { size, locality, localitiesKept = 8 } = dataset;
  if (locality instanceof Uint32Array && locality.length === size) {
    return blockOrders(locality, seed, blocksAtOnce ?? localitiesKept);
  }
  throw new TypeError(
    'order "blocks" needs a dataset that says in which block its examples lie (locality), such as that of parquet() or webDataset()',
  );
}

/**
 * Makes the batches of one pass over a dataset, in its order; the last one may
 * be smaller. The random numbers of `collate` depend on the batch's index, so
 * each evaluation has the same masks.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const batches = batchesInOrder(datasetOf([1, 2, 3]), {
 *   batchSize: 2,
 *   collate: (examples) => ({
 *     inputs: [],
 *     labels: tf.tensor1d([...examples]),
 *     size: examples.length,
 *   }),
 * });
 * const sizes: number[] = [];
 * for await (const { labels, size } of batches) {
 *   sizes.push(size);
 *   labels.dispose();
 * }
 * assertEquals(sizes, [2, 1]);
 * ```
 *
 * @param examples The examples, as a dataset or an array.
 * @param options See {@linkcode BatchesInOrderOptions}.
 * @returns The batches, for one iteration.
 * @throws {TypeError} If the dataset is none, or an option is unknown, or of the
 * wrong type.
 * @throws {RangeError} If an option has an invalid value, or the dataset is
 * empty.
 */
export function batchesInOrder<E>(
  examples: Dataset<E> | readonly E[],
  options: BatchesInOrderOptions<E>,
): AsyncIterable<Batch> {
  const dataset = asDataset("batchesInOrder's dataset", examples);
  assertOptions("batchesInOrder", options, IN_ORDER);
  const { batchSize, collate, seed = 0 } = options;
  assertFinite("seed", seed);
  assertCollate(collate);
  assertInteger("batchSize", batchSize, 1);
  if (dataset.size === 0) {
    throw new RangeError("dataset should have at least one example, got none");
  }
  const make = (step: number) => {
    const first = step * batchSize;
    const size = Math.min(batchSize, dataset.size - first);
    const indices = Uint32Array.from({ length: size }, (_, i) => first + i);
    return batchOf(dataset, indices, collate, seeded("place", seed, first));
  };
  const end = Math.ceil(dataset.size / batchSize);
  return madeAhead(make, { start: 0, end, prefetch: 1 });
}

async function batchOf<E>(
  dataset: Dataset<E>,
  indices: Uint32Array,
  collate: OwnCollate<E>,
  random: Random,
): Promise<Batch> {
  const examples = await Promise.all(
    Array.from(indices, (index) => dataset.get(index)),
  );
  return collated(examples, collate, random);
}

/** Makes a batch of examples, and leaves no other tensor. */
export function collated<E>(
  examples: E[],
  collate: OwnCollate<E>,
  random: Random,
): Batch {
  // `tidy` disposes of tensors that are not returned, also when `collate`
  // throws.
  const batch = tf.tidy(() =>
    collate(examples, random) as OwnBatch & tf.TensorContainer
  );
  const { labels, size } = Object(batch) as Partial<OwnBatch>;
  if (size !== undefined || !(labels instanceof tf.Tensor)) {
    return batch as unknown as Batch;
  }
  return { ...batch as OwnBatch, size: labels.shape[0] ?? 1 };
}

/** A batch that is made on demand, or earlier, when there is nothing else to do. */
class ComingBatch {
  readonly #make: () => Promise<Batch>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #made: Promise<Batch> | undefined;

  constructor(make: () => Promise<Batch>) {
    this.#make = make;
    // Errors are reported when the batch is asked for.
    this.#timer = setTimeout(() => this.take().catch(() => {}));
  }

  take(): Promise<Batch> {
    clearTimeout(this.#timer);
    return this.#made ??= this.#make();
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#timer);
    const batch = await this.#made?.catch(() => undefined);
    if (batch) tf.dispose([...batch.inputs, batch.labels]);
  }
}

/**
 * The batches of steps, some made ahead. They are made in the order of their
 * steps, but a step's may begin before the one of the step before is there.
 */
export async function* madeAhead(
  make: (step: number) => Promise<Batch>,
  { start, end, prefetch }: { start: number; end: number; prefetch: number },
): AsyncGenerator<Batch> {
  const coming: ComingBatch[] = [];
  try {
    for (let step = start, next = start; step < end; step++) {
      for (; next < end && next <= step + prefetch; next++) {
        const made = next;
        coming.push(new ComingBatch(() => make(made)));
      }
      yield await coming.shift()!.take();
    }
  } finally {
    for (const batch of coming) await batch.dispose();
  }
}
