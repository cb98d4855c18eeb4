/** Chooses the fastest of candidates that compute the same. @module */
import { messageOf } from "../../lib/base/shown.ts";
import {
  type Budget,
  type Candidate,
  type Measurement,
  ParityError,
  timeAlternating,
} from "../../bench/measure/timing.ts";

/** What came of some candidates. */
export interface Choice {
  /** The one that is faster than the default beyond noise, or `null`. */
  readonly winner: string | null;
  /** The winner's time divided by the default's; 1 without a winner. */
  readonly ratio: number;
  /** Those that are not equal to the plain form, or do not run, and why. */
  readonly discarded: readonly {
    readonly name: string;
    readonly why: string;
  }[];
  /** Those that a single run has shown to be hopeless, with their time divided by the default's. */
  readonly hopeless: readonly {
    readonly name: string;
    readonly ratio: number;
  }[];
  /** Those for which there was no time. */
  readonly untried: readonly string[];
  /** Those that were timed, the default too. */
  readonly measurements: readonly Measurement[];
}

/** So many times the default's time, a single run is enough to give a candidate up. */
const HOPELESS = 3;

/** As in the benches: its 80th percentile is below the other's 20th. */
function isFaster(
  one: Pick<Measurement, "p80">,
  other: Pick<Measurement, "p20">,
): boolean {
  return one.p80 < other.p20;
}

/**
 * Checks the default and all candidates, runs those that are right once, times
 * those that are not hopeless in turns, and the fastest once more beside the
 * default: of many that are equally fast, one would seem faster by chance.
 *
 * @param own The default.
 * @param others The candidates.
 * @param budget How long to time each.
 * @param isTimeLeft Whether another one may be checked.
 * @throws {ParityError} If the default is wrong.
 */
export async function choose(
  own: Candidate,
  others: readonly Candidate[],
  budget: Budget,
  isTimeLeft: () => boolean = () => true,
): Promise<Choice> {
  const wrong = await whyNot(own);
  if (wrong !== null) throw new ParityError(`${own.name}: ${wrong}`);
  const discarded: { name: string; why: string }[] = [];
  const right: Candidate[] = [], untried: string[] = [];
  for (const other of others) {
    if (!isTimeLeft()) {
      untried.push(other.name);
      continue;
    }
    const why = await whyNot(other);
    if (why === null) right.push(other);
    else discarded.push({ name: other.name, why });
  }
  const time = (rivals: readonly Candidate[]) =>
    timeAlternating([own, ...rivals], own.name, budget);
  const rivals: Candidate[] = [], hopeless: Choice["hopeless"][number][] = [];
  const once = right.length > 0 ? await own.run() : 0;
  for (const candidate of right) {
    const { name } = candidate;
    if (!isTimeLeft()) untried.push(name);
    else {
      const ratio = await candidate.run() / once;
      if (ratio < HOPELESS) rivals.push(candidate);
      else hopeless.push({ name, ratio });
    }
  }
  const measurements = rivals.length > 0 ? await time(rivals) : [];
  const trials = { discarded, hopeless, untried, measurements };
  const none = { winner: null, ratio: 1, ...trials };
  const [base, ...rest] = measurements;
  const best = rest.toSorted((a, b) => a.median - b.median)[0];
  if (!best || !isFaster(best, base!)) return none;
  const [again, winner] = await time(
    rivals.filter(({ name }) => name === best.name),
  );
  if (!isFaster(winner!, again!)) return none;
  return { winner: best.name, ratio: winner!.ratio, ...trials };
}

/** What is wrong with a candidate, be it that it throws. */
async function whyNot(candidate: Candidate): Promise<string | null> {
  try {
    return await candidate.check();
  } catch (error) {
    return messageOf(error);
  }
}
