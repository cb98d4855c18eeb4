/**
 * Options of attention that had other names before 0.3. Models and checkpoints
 * saved under the old names can still be read; code that uses them gets an
 * error with the new ones.
 *
 * @module
 */

/** The new name of a renamed option, and how its value converts. */
interface Renaming {
  readonly name: string;
  /** The option and value to write instead of the old ones, for error messages. */
  readonly instead: string;
  /** Converts the option's value; `undefined` stands for the default. */
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

/** Throws if an option has its old name. */
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

/** Whether this is the old name of a renamed option. */
export function isOldName(name: string): boolean {
  return Object.hasOwn(RENAMED, name);
}

/** Renames saved options to their current names. */
export function withNewNames<Saved extends object>(saved: Saved): Saved {
  const entries = Object.entries(saved).flatMap(([before, value]) => {
    if (!isOldName(before)) return [[before, value]];
    const { name, valueOf } = RENAMED[before]!;
    const now = valueOf(value);
    return now === undefined ? [] : [[name, now]];
  });
  return Object.fromEntries(entries) as Saved;
}
