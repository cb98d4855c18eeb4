/** Dropout and drop path, and where they draw their numbers from. @module */
import * as tf from "@tensorflow/tfjs-core";

/** Rows of a batch. */
export interface Rows {
  /** The first of them, from 0. */
  readonly first: number;
  /** How many. */
  readonly count: number;
  /** How many the batch has. */
  readonly total: number;
}

let source: {
  readonly seed: string;
  readonly rows: Rows | undefined;
  drawn: number;
} | undefined;

/**
 * Runs with dropout that depends on a seed alone, and on nothing that was drawn
 * before.
 *
 * @param seed The same seed drops the same values.
 * @param run Not asynchronous; may be nested.
 * @param rows Those of the batch that `run` computes, where it does not compute
 * them all: they lose what they would lose beside the others.
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

/** Drops values in training; the first axis is that of the batch. */
export function drop<T extends tf.Tensor>(
  x: T,
  { training, rate }: { training: boolean; rate: number },
): T {
  if (!training || rate === 0) return x;
  const seed = source && `${source.seed}/${source.drawn++}`;
  const rows = source?.rows;
  if (!rows) return tf.dropout(x, rate, undefined, seed) as T;
  return tf.tidy(() => {
    const ones = tf.ones([rows.total, ...x.shape.slice(1)]);
    const kept = tf.dropout(ones, rate, undefined, seed);
    return tf.mul(x, tf.slice(kept, rows.first, rows.count));
  });
}
