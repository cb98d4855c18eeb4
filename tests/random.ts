/** Seeded random numbers for tests. @module */

/** A source of uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `size` numbers made by `make` from a uniform number. */
export function array(
  size: number,
  random: () => number,
  make: (u: number) => number = (u) => 2 * u - 1,
): Float32Array {
  return Float32Array.from({ length: size }, () => make(random()));
}
