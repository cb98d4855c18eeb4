/** Where dropout and drop path draw their numbers from. @module */

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
