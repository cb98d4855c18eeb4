/**
 * Values of each batch that metrics of whole sets keep, on one rank or on
 * several.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Communicator } from "@lionjs/base";
import type { Metrics, SetMetric } from "./metric.ts";

type Exchange = Pick<
  Communicator,
  "rank" | "size" | "allreduce" | "broadcast"
>;

/** The values that an evaluation's metrics of whole sets keep. */
export class Kept {
  readonly #metrics: readonly (readonly [string, SetMetric])[];
  /** The number of tensors that each metric keeps of a batch. */
  readonly #counts: Int32Array;
  /** The values of the tensors of each batch; none of a batch in which this rank has no row. */
  readonly #batches: Float64Array[][] = [];
  /** The values of each tensor, those of all batches and ranks. */
  readonly #all: Float64Array[] = [];

  /** Chooses the metrics of whole sets among all. */
  constructor(metrics: Metrics) {
    this.#metrics = Object.entries(metrics).flatMap(([name, metric]) =>
      typeof metric === "function" ? [] : [[name, metric] as const]
    );
    this.#counts = new Int32Array(this.#metrics.length);
  }

  /** The name of the first metric of whole sets; `undefined` if there is none. */
  get first(): string | undefined {
    return this.#metrics[0]?.[0];
  }

  /** Throws if a metric cannot be computed for these shapes. */
  assertFit(
    predictions: readonly (number | null)[],
    labels: readonly number[],
  ): void {
    for (const [name, metric] of this.#metrics) {
      named(name, () => metric.assertFits?.(predictions, labels));
    }
  }

  /** Returns the tensors to keep of a batch; call it inside `tf.tidy`. */
  collect(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor[] {
    return this.#metrics.flatMap(([name, metric], i) => {
      const tensors = metric.collect(predictions, labels);
      if (
        !Array.isArray(tensors) ||
        !tensors.every((tensor) => tensor instanceof tf.Tensor)
      ) {
        throw new TypeError(
          `metrics' ${name} should collect tensors in an array, got ${typeof tensors}`,
        );
      }
      this.#counts[i] = tensors.length;
      // Clones, since a metric may return the labels themselves.
      return tensors.map((tensor) => tf.clone(tensor));
    });
  }

  add(values: readonly ArrayLike<number>[]): void {
    if (!this.first) return;
    this.#batches.push(values.map((value) => Float64Array.from(value)));
  }

  /** Gathers the values of all ranks on each rank. */
  async gather(ranks: Exchange | undefined): Promise<void> {
    // A rank that never had a row does not know how many tensors the others keep.
    if (ranks) await ranks.allreduce(this.#counts, "max");
    const count = this.#counts.reduce((sum, count) => sum + count, 0);
    for (let i = 0; i < count; i++) {
      const own = this.#batches.map((batch) => batch[i] ?? new Float64Array());
      this.#all.push(await ofAllRanks(own, ranks));
    }
  }

  results(): Record<string, number> {
    let place = 0;
    return Object.fromEntries(this.#metrics.map(([name, metric], i) => {
      const count = this.#counts[i]!;
      const values = this.#all.slice(place, place += count);
      // Without a batch, the number of a metric's tensors is not known.
      return [
        name,
        count === 0 ? NaN : named(name, () => metric.result(values)),
      ];
    }));
  }
}

/** Runs a metric's function; an error of values or kinds says which metric it is of. */
function named<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) {
      error.message = `metrics' ${name}: ${error.message}`;
    }
    throw error;
  }
}

/** Concatenates values batch by batch and, within a batch, in the order of ranks. */
async function ofAllRanks(
  own: readonly Float64Array[],
  ranks: Exchange | undefined,
): Promise<Float64Array> {
  if (!ranks || own.length === 0) return concatenated(own);
  const parts: Float64Array[][] = [];
  for (let rank = 0; rank < ranks.size; rank++) {
    const lengths = Int32Array.from(own, ({ length }) => length);
    await ranks.broadcast(lengths, rank);
    const values = rank === ranks.rank
      ? concatenated(own)
      : new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
    if (values.length > 0) await ranks.broadcast(values, rank);
    let place = 0;
    parts.push(
      Array.from(
        lengths,
        (length) => values.subarray(place, place += length),
      ),
    );
  }
  return concatenated(
    own.flatMap((_, batch) => parts.map((ofRank) => ofRank[batch]!)),
  );
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const length = parts.reduce((sum, { length }) => sum + length, 0);
  const all = new Float64Array(length);
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}
