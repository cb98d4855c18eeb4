/**
 * Options of attention that have other names than before 0.3. Files of models
 * and checkpoints have the old ones, and are read; callers are told the new
 * ones.
 *
 * @module
 */

/** What has become of an option. */
interface Renaming {
  /** Its name now. */
  readonly name: string;
  /** What to write instead, in messages. */
  readonly instead: string;
  /** Its value now; `undefined` for the default. */
  valueOf(before: unknown): unknown;
}

const RENAMED: Readonly<Record<string, Renaming>> = {
  causal: {
    name: "direction",
    instead: 'direction: "forward"',
    valueOf: (causal) => causal ? "forward" : undefined,
  },
  decayInit: {
    name: "diagonalDecay",
    instead: 'diagonalDecay: "hippo" or "random"',
    valueOf: (init) => init,
  },
  diagonal: {
    name: "countSelf",
    instead: 'countSelf: "once" or "twice"',
    valueOf: (times) => times,
  },
};

/**
 * Throws if an option has the name that it had before.
 *
 * @param owner As messages call it, such as `lionEncoder`.
 * @param options The options given.
 * @param names The names of all options.
 * @throws {TypeError} If there is one; the message says what to write instead.
 */
export function assertNewNames(
  owner: string,
  options: object,
  names: object,
): void {
  for (const [before, { name, instead }] of Object.entries(RENAMED)) {
    if (!Object.hasOwn(names, name)) continue;
    if (!Object.hasOwn(Object(options), before)) continue;
    throw new TypeError(
      `${owner} has no option "${before}" any more; write ${instead} instead`,
    );
  }
}

/** Whether an option had this name before. */
export function isOldName(name: string): boolean {
  return Object.hasOwn(RENAMED, name);
}

/** Saved options by their names today. */
export function withNewNames<Saved extends object>(saved: Saved): Saved {
  const entries = Object.entries(saved).flatMap(([before, value]) => {
    if (!isOldName(before)) return [[before, value]];
    const { name, valueOf } = RENAMED[before]!;
    const now = valueOf(value);
    return now === undefined ? [] : [[name, now]];
  });
  return Object.fromEntries(entries) as Saved;
}
