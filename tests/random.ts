/** Seeded random numbers for tests. @module */

import seedrandom from "seedrandom";

/** A source of uniform numbers in [0, 1), the same for the same seed. */
export function uniform(seed: number): () => number {
  return seedrandom(String(seed));
}

/** `size` numbers made by `make` from a uniform number. */
export function array(
  size: number,
  random: () => number,
  make: (u: number) => number = (u) => 2 * u - 1,
): Float32Array {
  const numbers = new Float32Array(size);
  for (let i = 0; i < size; i++) numbers[i] = make(random());
  return numbers;
}

/** The rows of a matrix, each divided by its length. */
export function unitRows(x: Float32Array, columns: number): Float32Array {
  return x.map((value, i) => {
    const start = i - i % columns;
    return value / Math.hypot(...x.subarray(start, start + columns));
  });
}
