/** Dropout and drop path, and where they draw their numbers from. @module */
import * as tf from "@tensorflow/tfjs-core";

let source: { readonly seed: string; drawn: number } | undefined;

/**
 * Runs with dropout that depends on a seed alone, and on nothing that was drawn
 * before.
 *
 * @param seed The same seed drops the same values.
 * @param run Not asynchronous; may be nested.
 * @returns What `run` returns.
 */
export function withDropoutSeed<T>(seed: string, run: () => T): T {
  const outer = source;
  source = { seed, drawn: 0 };
  try {
    return run();
  } finally {
    source = outer;
  }
}

/** The seed of the next draw; `undefined` where any will do. */
export function nextDropoutSeed(): string | undefined {
  return source && `${source.seed}/${source.drawn++}`;
}

/** Drops values in training. */
export function drop<T extends tf.Tensor>(
  x: T,
  { training, rate }: { training: boolean; rate: number },
): T {
  if (!training || rate === 0) return x;
  return tf.dropout(x, rate, undefined, nextDropoutSeed()) as T;
}
