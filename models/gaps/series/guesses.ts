/**
 * Simple guesses of what a gap holds, and how wrong each is in other places of the same
 * series: the model reads them, and weighs them.
 *
 * @module
 */
import { type Period, periodsOf, seasonOf, withoutTrend } from "./periods.ts";
import { meanWhere, type Observed } from "./scaling.ts";
import { type Interpolation, line, smoother } from "./smoothing.ts";

/** The ways to go on from what is seen near a gap. */
const INTERPOLATIONS: readonly Interpolation[] = [
  line,
  smoother(4, 0.3),
  smoother(16, 0.1),
  smoother(16, 1),
  smoother(64, 0.3),
];

/** The most periods that are tried. */
const MOST_PERIODS = 3;

/** Other places that a series' gaps are moved to, to see how wrong guesses are there. */
const MOVES = 6;

/** How much better guesses weigh more in the mean of all. */
const SHARPNESS = 6;

/** The names of what {@linkcode guessesOf} returns, in order. */
export const GUESSES = [
  "mean",
  "line",
  "season and line",
  "best without season",
  "best",
  "mean of all by their errors",
] as const;

/** Guesses for a series. */
export interface Guesses {
  /** For each of {@linkcode GUESSES} the whole series; what is seen is as it was. */
  readonly filled: readonly Float64Array[];
  /** The mean absolute error of each where gaps were moved to. */
  readonly errors: readonly number[];
  /** The period that helped most there, if there is any. */
  readonly period: Period | undefined;
  /** What that period tells of each place, seen or not. */
  readonly season: Float64Array;
}

/** A guess that is tried: an interpolation of what a period leaves. */
interface Trial {
  readonly period: Period | undefined;
  readonly interpolation: number;
  error: number;
}

/** Guesses what the gaps of a scaled series hold, by what is seen of it. */
export function guessesOf(series: Observed): Guesses {
  const straight = withoutTrend(series);
  const periods = [undefined, ...periodsOf(straight, MOST_PERIODS)];
  const trials: Trial[] = periods.flatMap((period) =>
    INTERPOLATIONS.map((_, interpolation) => ({
      ...{ period, interpolation },
      error: 0,
    }))
  );
  let mean = 0, tested = 0;
  for (const { hidden, rest } of movedGaps(series)) {
    const errorOf = (filled: (t: number) => number) =>
      meanWhere(hidden, (t) => Math.abs(filled(t) - series.values[t]!));
    const level = meanWhere(rest.seen, (t) => rest.values[t]!);
    mean += errorOf(() => level);
    filledBy(
      rest,
      periods,
      (i, filled) => trials[i]!.error += errorOf((t) => filled[t]!),
    );
    tested++;
  }
  for (const trial of trials) trial.error = tested ? trial.error / tested : 1;
  const all: Float64Array[] = [];
  filledBy(series, periods, (i, filled) => all[i] = filled);
  const best = (isIn: (trial: Trial) => boolean) =>
    trials.reduce(
      (best, trial, i) =>
        isIn(trial) && (best < 0 || trial.error < trials[best]!.error)
          ? i
          : best,
      -1,
    );
  const seasonal = best(({ period, interpolation }) =>
    period !== undefined && interpolation === 0
  );
  const chosen = [
    0,
    seasonal < 0 ? 0 : seasonal,
    best(({ period }) => period === undefined),
    best(() => true),
  ];
  const least = trials[chosen[3]!]!.error + 1e-6;
  const weights = trials.map(({ error }) =>
    (least / (error + 1e-6)) ** SHARPNESS
  );
  const sum = weights.reduce((a, b) => a + b);
  const average = (numbers: (i: number) => number) =>
    weights.reduce((total, weight, i) => total + weight * numbers(i), 0) / sum;
  const { values, seen } = series;
  const period = seasonal < 0 ? undefined : trials[seasonal]!.period;
  return {
    filled: [
      values,
      ...chosen.map((i) => all[i]!),
      values.map((value, t) => seen[t] ? value : average((i) => all[i]![t]!)),
    ],
    errors: [
      tested ? mean / tested : 1,
      ...chosen.map((i) => trials[i]!.error),
      average((i) => trials[i]!.error),
    ],
    period,
    season: period
      ? seasonOf(straight, period.length)
      : new Float64Array(values.length),
  };
}

/** Fills a series in all ways, by periods and, for each, interpolations of what these leave. */
function filledBy(
  series: Observed,
  periods: readonly (Period | undefined)[],
  take: (i: number, filled: Float64Array) => void,
): void {
  const { values, seen } = series, straight = withoutTrend(series);
  const ways = INTERPOLATIONS.map((interpolation) => interpolation(seen));
  periods.forEach((period, i) => {
    const season = period && seasonOf(straight, period.length);
    const rest = season ? values.map((value, t) => value - season[t]!) : values;
    ways.forEach((way, j) => {
      const filled = way(rest);
      if (season) {
        for (let t = 0; t < filled.length; t++) filled[t]! += season[t]!;
      }
      take(i * ways.length + j, filled);
    });
  });
}

/** The fewest values that must be seen beside moved gaps. */
const FEWEST = 6;

/** The series with its gaps moved to other places, where they hide what was seen. */
function* movedGaps({ values, seen }: Observed) {
  const length = values.length;
  for (let move = 1; move <= MOVES; move++) {
    const shift = Math.round(length * move / (MOVES + 1));
    const hidden = seen.map((isSeen, t) =>
      isSeen && !seen[(t + shift) % length] ? 1 : 0
    );
    const left = seen.map((isSeen, t) => isSeen && !hidden[t] ? 1 : 0);
    const count = left.reduce((a, b) => a + b, 0);
    if (count < FEWEST || !hidden.includes(1)) continue;
    yield {
      hidden,
      rest: {
        values: values.map((value, t) => left[t] ? value : 0),
        seen: left,
      },
    };
  }
}
