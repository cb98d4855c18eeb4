/** The random numbers of dropout and drop path. @module */
import * as tf from "@tensorflow/tfjs-core";
import { runInReplays } from "@lionjs/tfjs/record";
import { dropout } from "../operations/dropout/dropout.ts";
import { uniform } from "../operations/uniform/uniform.ts";
import { currentSequence } from "./sequence.ts";

/** A range of rows of a batch. */
export interface Rows {
  /** Index of the first row, from 0. */
  readonly first: number;
  /** Number of rows in the range. */
  readonly count: number;
  /** Number of rows in the whole batch. */
  readonly total: number;
}

let source: {
  readonly seed: string;
  readonly rows: Rows | undefined;
  drawn: number;
} | undefined;

/**
 * Runs a function with dropout that depends only on a seed, not on earlier
 * draws.
 *
 * @param seed The same seed drops the same values.
 * @param run A synchronous function; calls may be nested.
 * @param rows The rows of the batch that `run` computes, if not all of them; they
 * drop the values that they would drop within the whole batch.
 * @returns What `run` returns.
 */
export function withDropoutSeed<T>(
  seed: string,
  run: () => T,
  rows?: Rows,
): T {
  const outer = source;
  source = { seed, rows, drawn: 0 };
  try {
    return run();
  } finally {
    source = outer;
  }
}

/**
 * Runs functions with the same random numbers: the first one draws them, of
 * dropout and of `Math.random`, from which TensorFlow.js seeds operations
 * without a seed of their own. Each later one gets those that the first one has
 * drawn.
 *
 * @returns A function that runs a synchronous function so.
 */
export function sameRandomness(): <T>(run: () => T) => T {
  const before = source && { ...source };
  let drawn: number[] | undefined;
  return (run) => {
    const { random } = Math;
    const outer = source;
    if (drawn) {
      const again = drawn.values();
      source = before && { ...before };
      Math.random = () => again.next().value ?? random();
    } else {
      const first: number[] = drawn = [];
      Math.random = () => first[first.push(random()) - 1]!;
    }
    try {
      return run();
    } finally {
      Math.random = random;
      source = outer;
    }
  };
}

/**
 * Applies dropout in training; the first axis is the batch.
 *
 * @param isOfSequences Whether whole sequences are dropped, not values of
 * tokens: the same ones wherever parts of them are.
 * @throws {RangeError} If different sequences would be dropped from part to part.
 */
export function drop<T extends tf.Tensor>(
  x: T,
  { training, rate, isOfSequences = false }: {
    training: boolean;
    rate: number;
    isOfSequences?: boolean;
  },
): T {
  if (!training || rate === 0) return x;
  const sequence = currentSequence();
  if (!sequence.isWhole && isOfSequences && !source) {
    throw new RangeError(
      "dropPath should drop the same sequences on all ranks that share their tokens; train with train() of @lionjs/lion/training, which seeds it",
    );
  }
  const part = isOfSequences ? "" : sequence.seed;
  const drawn = source && source.drawn++;
  const rows = source?.rows;
  return tf.tidy(() => {
    const shape = rows ? [rows.total, ...x.shape.slice(1)] : x.shape;
    const all = source
      // A replay draws again, with the seed of its own step.
      ? runInReplays(
        [],
        () => uniform(shape, `${source!.seed}/${drawn}${part}`),
      )
      : uniform(shape);
    const own = rows ? tf.slice(all, rows.first, rows.count) : all;
    return dropout(x, own, rate);
  });
}
