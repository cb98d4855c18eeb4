/** The random numbers of dropout and drop path. @module */
import * as tf from "@tensorflow/tfjs-core";

let source: { readonly seed: string; drawn: number } | undefined;

/**
 * Runs a function with dropout that depends only on a seed, not on earlier
 * draws.
 *
 * @param seed The same seed drops the same values.
 * @param run A synchronous function; calls may be nested.
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

/** The seed of the next draw; `undefined` if any will do. */
export function nextDropoutSeed(): string | undefined {
  return source && `${source.seed}/${source.drawn++}`;
}

/** Applies dropout in training. */
export function drop<T extends tf.Tensor>(
  x: T,
  { training, rate }: { training: boolean; rate: number },
): T {
  if (!training || rate === 0) return x;
  return tf.dropout(x, rate, undefined, nextDropoutSeed()) as T;
}
