/** Times candidates in turns, after their results were checked. @module */

/** One way to compute something. */
export interface Candidate {
  /** Unique among those it is compared with. */
  readonly name: string;
  /** Computes once and says in words what is wrong with the result; `null` if nothing is. */
  check(): Promise<string | null>;
  /** Computes once; the milliseconds that it took. */
  run(): Promise<number>;
}

/** How long to measure; all of it for each candidate. */
export interface Budget {
  /** Time after which no further sample is taken. @default 700 */
  readonly milliseconds?: number;
  /** Samples to take whatever the time. @default 3 */
  readonly fewest?: number;
  /** Samples after which it is enough. @default 15 */
  readonly most?: number;
}

/** What was measured of a candidate. */
export interface Measurement {
  /** The candidate's. */
  readonly name: string;
  /** Milliseconds. */
  readonly median: number;
  /** A fifth of the samples took less, in milliseconds. */
  readonly p20: number;
  /** A fifth of the samples took more, in milliseconds. */
  readonly p80: number;
  /** How often it ran. */
  readonly samples: number;
  /** Its median divided by that of the baseline. */
  readonly ratio: number;
}

/** A result that differs from its reference, so that its time would mean nothing. */
export class ParityError extends Error {
  override readonly name = "ParityError";
}

/** Runs each candidate once; throws {@linkcode ParityError} if a result is wrong. */
export async function assertParity(
  candidates: readonly Candidate[],
): Promise<void> {
  for (const candidate of candidates) {
    const wrong = await candidate.check();
    if (wrong) throw new ParityError(`${candidate.name}: ${wrong}`);
  }
}

/**
 * Checks all candidates, which also warms them up, and then times them in
 * rounds, A B C A B C …, so that what slows the machine for a while slows all
 * of them. Who has spent its budget leaves the rounds.
 *
 * @throws {ParityError} If a result is wrong; nothing was timed then.
 * @throws {RangeError} If the baseline is not among the candidates.
 */
export async function measureAlternating(
  candidates: readonly Candidate[],
  baseline: string,
  { milliseconds = 700, fewest = 3, most = 15 }: Budget = {},
): Promise<Measurement[]> {
  if (!candidates.some(({ name }) => name === baseline)) {
    throw new RangeError(
      `the baseline ${baseline} is not among the candidates`,
    );
  }
  await assertParity(candidates);
  const series = candidates.map((candidate) => ({
    candidate,
    times: [] as number[],
    spent: 0,
  }));
  const isOpen = ({ times, spent }: typeof series[number]) =>
    times.length < fewest || spent < milliseconds && times.length < most;
  for (let open = series; open.length > 0; open = open.filter(isOpen)) {
    for (const one of open) {
      const time = await one.candidate.run();
      one.times.push(time);
      one.spent += time;
    }
  }
  const medians = new Map(series.map(({ candidate: { name }, times }) => {
    return [name, quantile(times, 0.5)];
  }));
  return series.map(({ candidate: { name }, times }) => ({
    name,
    median: medians.get(name)!,
    p20: quantile(times, 0.2),
    p80: quantile(times, 0.8),
    samples: times.length,
    ratio: medians.get(name)! / medians.get(baseline)!,
  }));
}

/** The value below which a share of the numbers lies, interpolated. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position % 1);
}

/** The milliseconds that some work took. */
export async function stopwatch(
  work: () => Promise<void> | void,
): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * What is wrong with numbers that should agree to a share of the largest of
 * them; `null` if nothing is.
 */
export function difference(
  label: string,
  pairs:
    readonly (readonly [got: ArrayLike<number>, wanted: ArrayLike<number>])[],
  tolerance: number,
): string | null {
  let [largest, error] = [0, 0];
  for (const [got, wanted] of pairs) {
    if (got.length !== wanted.length) {
      return `${label} has ${got.length} values, not ${wanted.length}`;
    }
    for (let i = 0; i < wanted.length; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]!));
      // Math.max hands a NaN on.
      error = Math.max(error, Math.abs(got[i]! - wanted[i]!));
    }
  }
  if (error <= tolerance * largest) return null;
  return `${label} differs from its reference by ${error.toExponential(1)}, ` +
    `of ${largest.toExponential(1)}`;
}
