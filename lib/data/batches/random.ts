import seedrandom from "seedrandom";

/** A random number generator: returns the next uniform number in [0, 1). */
export type Random = () => number;

/** A random number generator whose numbers depend only on these arguments. */
export function seeded(...parts: readonly (string | number)[]): Random {
  return seedrandom(parts.join(" "));
}

/** Draws a uniform integer from 0 to below `count`. */
export function below(count: number, random: Random): number {
  return Math.floor(count * random());
}

/** Draws a number of mean 0 and deviation 1, normally distributed, by Box and Muller. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) *
    Math.cos(2 * Math.PI * random());
}

/** Shuffles items in place, by the algorithm of Fisher and Yates. */
export function shuffle(items: number[] | Uint32Array, random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
