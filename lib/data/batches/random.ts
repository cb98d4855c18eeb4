/** Random numbers that depend on a seed alone. @module */
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

/**
 * Draws a number from 0 to 1 of the distribution Beta(α, α): the share that the first of
 * two numbers of the gamma distribution has of their sum.
 */
export function beta(alpha: number, random: Random): number {
  // A uniform number's power makes one of a shape greater by 1 one of the shape; by
  // logarithms, since both are too small for a number where the shape is.
  const shape = alpha + 1;
  const ratio = logGamma(shape, random) - logGamma(shape, random);
  const power = Math.log(1 - random()) - Math.log(1 - random());
  return 1 / (1 + Math.exp(ratio + power / alpha));
}

/**
 * Draws the logarithm of a number of the gamma distribution of a shape of 1 or more.
 *
 * Source: Marsaglia and Tsang 2000, A simple method for generating gamma variables.
 */
function logGamma(shape: number, random: Random): number {
  const d = shape - 1 / 3, c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const most = x ** 2 / 2 + d * (1 - v + Math.log(v));
    if (Math.log(1 - random()) < most) return Math.log(d * v);
  }
}

/** Shuffles items in place, by the algorithm of Fisher and Yates. */
export function shuffle(items: number[] | Uint32Array, random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
