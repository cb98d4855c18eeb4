import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertInteger } from "./assert_integer.ts";
import type { Dataset } from "./dataset.ts";
import { type Random, seeded, shuffle } from "./random.ts";

/** A step's examples as tensors; whoever takes a batch disposes of them. */
export interface Batch {
  /** In the order of the model's inputs, each `[size, …]`, or of fewer rows where examples are packed. */
  readonly inputs: readonly tf.Tensor[];
  /** What the loss compares with, of as many rows. */
  readonly labels: tf.Tensor;
  /** How many examples there are. */
  readonly size: number;
}

/** Batches from any step on: the same for the same step, whatever came before. */
export interface BatchStream {
  /** Steps that see each example once; those that fill no batch wait for another epoch. */
  readonly stepsPerEpoch: number;
  /** Batches of the steps `start`, `start` + 1, …, without end. */
  from(start: number): AsyncIterable<Batch>;
}

/**
 * Makes a batch of examples. Whatever it draws comes from `random`, which
 * depends on the seed and on the step alone.
 */
export type Collate<E> = (examples: readonly E[], random: Random) => Batch;

/** Options of {@linkcode shuffledBatches}. */
export interface ShuffledBatchesOptions<E> {
  /** Examples a batch. */
  batchSize: number;
  /** Of the order, and of what `collate` draws. */
  seed: number;
  /** Makes a batch of examples. */
  collate: Collate<E>;
  /** Batches made ahead, while the taker waits for its device. @default 1 */
  prefetch?: number;
}

/** Options of {@linkcode batchesInOrder}. */
export interface BatchesInOrderOptions<E> {
  /** Examples a batch. */
  batchSize: number;
  /** Makes a batch of examples. */
  collate: Collate<E>;
  /** Of what `collate` draws. @default 0 */
  seed?: number;
}

const SHUFFLED: OptionNames<ShuffledBatchesOptions<unknown>> = {
  batchSize: true,
  seed: true,
  collate: true,
  prefetch: true,
};

const IN_ORDER: OptionNames<BatchesInOrderOptions<unknown>> = {
  batchSize: true,
  collate: true,
  seed: true,
};

function assertCollate(collate: unknown): void {
  if (typeof collate === "function") return;
  throw new TypeError(
    `collate should be a function that makes a batch of examples, such as collateTokens(), got ${typeof collate}`,
  );
}

/**
 * Endless batches of a dataset, each epoch in another order.
 *
 * An epoch's order is made of the seed and the epoch, and what a batch draws of
 * the seed and the step: where training stopped is one number, the step.
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
 * @param dataset The examples.
 * @param options See {@linkcode ShuffledBatchesOptions}.
 * @returns The stream. When its iteration stops, what was made ahead is disposed of.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the dataset does
 * not fill a batch.
 */
export function shuffledBatches<E>(
  dataset: Dataset<E>,
  options: ShuffledBatchesOptions<E>,
): BatchStream {
  assertOptions("shuffledBatches", options, SHUFFLED);
  const { batchSize, seed, collate, prefetch = 1 } = options;
  assertCollate(collate);
  assertInteger("batchSize", batchSize, 1);
  assertInteger("prefetch", prefetch, 0);
  const stepsPerEpoch = Math.floor(dataset.size / batchSize);
  if (stepsPerEpoch === 0) {
    throw new RangeError(
      `batchSize should be at most the size of the dataset, ${dataset.size}, got ${batchSize}`,
    );
  }
  let known: { epoch: number; order: Uint32Array } | undefined;
  const orderOf = (epoch: number) => {
    if (known?.epoch !== epoch) {
      const order = Uint32Array.from({ length: dataset.size }, (_, i) => i);
      shuffle(order, seeded("epoch", seed, epoch));
      known = { epoch, order };
    }
    return known.order;
  };
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

/**
 * The batches of one pass over a dataset, in its order; the last one may be
 * smaller. What `collate` draws depends on the place, so that an evaluation
 * with masks has the same masks each time.
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
 * @param dataset The examples.
 * @param options See {@linkcode BatchesInOrderOptions}.
 * @returns The batches, once.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the dataset is
 * empty.
 */
export function batchesInOrder<E>(
  dataset: Dataset<E>,
  options: BatchesInOrderOptions<E>,
): AsyncIterable<Batch> {
  assertOptions("batchesInOrder", options, IN_ORDER);
  const { batchSize, collate, seed = 0 } = options;
  assertCollate(collate);
  assertInteger("batchSize", batchSize, 1);
  if (dataset.size === 0) {
    throw new RangeError("dataset should have an example, got none");
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
  collate: Collate<E>,
  random: Random,
): Promise<Batch> {
  const examples = await Promise.all(
    Array.from(indices, (index) => dataset.get(index)),
  );
  // What it has made when it throws, and what it does not return, is freed.
  return tf.tidy(() => collate(examples, random) as Batch & tf.TensorContainer);
}

/** Made when it is asked for, or before, when there is nothing else to do. */
class ComingBatch {
  readonly #make: () => Promise<Batch>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #made: Promise<Batch> | undefined;

  constructor(make: () => Promise<Batch>) {
    this.#make = make;
    // What is wrong is told to whoever asks for it.
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

async function* madeAhead(
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
