/** Times candidates in turns, after their results were checked. @module */

/** Something that takes time. */
export interface Timed {
  /** Unique among those it is compared with. */
  readonly name: string;
  /** Computes once; the milliseconds that it took. */
  run(): Promise<number>;
  /** What must be before and after its turn, such as rest. */
  readonly pause?: () => Promise<void>;
}

/** One way to compute something. */
export interface Candidate extends Timed {
  /** Computes once and says in words what is wrong with the result; `null` if nothing is. */
  check(): Promise<string | null>;
}

/** How long to measure; all of it for each candidate. */
export interface Budget {
  /** Time after which no further sample is taken. @default 700 */
  readonly milliseconds?: number;
  /** Samples to take whatever the time. @default 3 */
  readonly fewest?: number;
  /** Samples after which it is enough. @default 15 */
  readonly most?: number;
  /** Samples of a turn. @default 5 */
  readonly turn?: number;
  /** Milliseconds of runs before the samples of a turn. @default 150 */
  readonly warmUp?: number;
}

/** Runs of so many milliseconds need no warm-up, and are a turn each. */
const LONG = 300;

/** Spread above which a time is no number, but said to be unsteady. */
export const MOST_SPREAD = 0.5;

/** So many budgets has a candidate whose times are not steady yet. */
const MOST_BUDGETS = 4;

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
 * Checks all candidates, and then times them; see {@linkcode timeAlternating}.
 *
 * @throws {ParityError} If a result is wrong; nothing was timed then.
 * @throws {RangeError} If the baseline is not among the candidates.
 */
export async function measureAlternating(
  candidates: readonly Candidate[],
  baseline: string,
  budget: Budget = {},
): Promise<Measurement[]> {
  await assertParity(candidates);
  return await timeAlternating(candidates, baseline, budget);
}

/**
 * Times candidates in turns, A B C A B C …, so that what slows the machine for
 * a while slows all of them. A turn begins with runs
 * that do not count: a processor that was idle, and caches that others have
 * used, take milliseconds to be as fast as they can. Who has spent its budget
 * leaves the rounds; it gets up to four, as long as its times are not steady.
 *
 * @throws {RangeError} If the baseline is not among the candidates.
 */
export async function timeAlternating(
  candidates: readonly Timed[],
  baseline: string,
  budget: Budget = {},
): Promise<Measurement[]> {
  const { milliseconds = 700, fewest = 3, most = 15 } = budget;
  const { turn = 5, warmUp = 150 } = budget;
  if (!candidates.some(({ name }) => name === baseline)) {
    throw new RangeError(
      `the baseline ${baseline} is not among the candidates`,
    );
  }
  const series = candidates.map((candidate) => ({
    candidate,
    times: [] as number[],
  }));
  const budgetsOf = (times: readonly number[]) =>
    times.length > 0 && spreadOf(timeOf(times)) > MOST_SPREAD
      ? MOST_BUDGETS
      : 1;
  const isOpen = ({ times }: typeof series[number]) => {
    const spent = times.reduce((sum, time) => sum + time, 0);
    const budgets = budgetsOf(times);
    return times.length < fewest ||
      spent < budgets * milliseconds && times.length < budgets * most;
  };
  for (let open = series; open.length > 0; open = open.filter(isOpen)) {
    for (const { candidate, times } of open) {
      const left = budgetsOf(times) * most - times.length;
      const samples = Math.min(turn, left);
      times.push(...await takeTurn(candidate, samples, warmUp));
    }
  }
  const found = series.map(({ candidate: { name }, times }) => ({
    name,
    ...timeOf(times),
  }));
  const { median } = found.find(({ name }) => name === baseline)!;
  return found.map((one) => ({ ...one, ratio: one.median / median }));
}

/** What samples in milliseconds say. */
export function timeOf(
  times: readonly number[],
): Pick<Measurement, "median" | "p20" | "p80" | "samples"> {
  return {
    median: quantile(times, 0.5),
    p20: quantile(times, 0.2),
    p80: quantile(times, 0.8),
    samples: times.length,
  };
}

/** How far samples lie apart, relative to their median. */
export function spreadOf(
  { median, p20, p80 }: Pick<Measurement, "median" | "p20" | "p80">,
): number {
  return (p80 - p20) / median;
}

/** The samples of a turn, after the warm-up. */
async function takeTurn(
  candidate: Timed,
  samples: number,
  warmUp: number,
): Promise<number[]> {
  const times: number[] = [];
  await candidate.pause?.();
  for (let warm = 0; times.length < samples;) {
    const time = await candidate.run();
    if (time >= LONG) {
      times.push(time);
      break;
    }
    if (warm < warmUp) warm += time;
    else times.push(time);
  }
  await candidate.pause?.();
  return times;
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

/** Pairs of numbers that should agree. */
type Pairs = readonly (readonly [
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
])[];

/** The largest error of numbers, infinite where there are not as many, and the largest of those wanted. */
export function errorIn(pairs: Pairs): { error: number; largest: number } {
  let [largest, error] = [0, 0];
  for (const [got, wanted] of pairs) {
    if (got.length !== wanted.length) return { error: Infinity, largest };
    for (let i = 0; i < wanted.length; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]!));
      // Math.max hands a NaN on.
      error = Math.max(error, Math.abs(got[i]! - wanted[i]!));
    }
  }
  return { error, largest };
}

/**
 * What is wrong with numbers that should agree to a share of the largest of
 * them; `null` if nothing is.
 */
export function difference(
  label: string,
  pairs: Pairs,
  tolerance: number,
): string | null {
  const unlike = pairs.find(([got, wanted]) => got.length !== wanted.length);
  if (unlike) {
    const [got, wanted] = unlike;
    return `${label} has ${got.length} values, not ${wanted.length}`;
  }
  const { error, largest } = errorIn(pairs);
  if (error <= tolerance * largest) return null;
  return `${label} differs from its reference by ${error.toExponential(1)}, ` +
    `of ${largest.toExponential(1)}`;
}
