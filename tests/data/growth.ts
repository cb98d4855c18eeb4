/** How the time of a function grows with what it is given. @module */

/** The most times as long for twice as much, with room for the machine. */
const MOST = 2.5;

/** Sizes that are tried, each twice the one before. */
const SIZES = 3;

/**
 * Rounds of measurements of a size, of which the fastest count: on a busy machine
 * many are interrupted.
 */
const ROUNDS = 15;

/**
 * Throws if a function takes more than 2.5 times as long for twice as much. Where its
 * time grows with the square, that is four times for any size; a garbage collection
 * that only the longer input needs is passed by, as the next sizes both need one.
 *
 * @param ready Makes an input of a size ready, and returns the function to be timed.
 */
export async function assertLinear(
  name: string,
  size: number,
  ready: (size: number) => () => unknown,
): Promise<void> {
  const found: string[] = [];
  for (let i = 0; i < SIZES; i++) {
    const [once, twice] = [2 ** i, 2 ** (i + 1)].map((by) => ready(by * size));
    if (i === 0) await once!(); // compiles
    let [short, long] = [Infinity, Infinity];
    for (let round = 0; round < ROUNDS; round++) {
      short = Math.min(short, await timeOf(once!));
      long = Math.min(long, await timeOf(twice!));
      // Below a millisecond, other things than the input take the time.
      if (long <= MOST * Math.max(short, 1)) return;
    }
    found.push(`${short.toFixed(1)} and ${long.toFixed(1)} ms`);
  }
  throw new Error(
    `${name} should take at most ${MOST} times as long for twice as much, got ${
      found.join(", then ")
    }`,
  );
}

async function timeOf(use: () => unknown): Promise<number> {
  const start = performance.now();
  await use();
  return performance.now() - start;
}
