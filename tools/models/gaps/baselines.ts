/** Simple ways to fill a gap, beside which the model stands. @module */
import {
  guessesOf,
  line,
  observed,
  periodsOf,
  scaled,
  withoutTrend,
} from "../../../models/gaps/series/mod.ts";

import { byGaussianProcess } from "./gaussian_process.ts";

/** Fills a series' gaps. */
export type Filler = (given: readonly (number | null)[]) => readonly number[];

/** The places that are seen, and their values. */
function pointsOf(given: readonly (number | null)[]) {
  const places = [...given.keys()].filter((t) => given[t] !== null);
  return { places, values: places.map((t) => given[t]!) };
}

/** Fills by a cubic between each two seen places, from its slopes there. */
const byCubics = (
  slopesOf: (
    places: readonly number[],
    values: readonly number[],
  ) => number[],
): Filler =>
(given) => {
  const { places, values } = pointsOf(given);
  const slopes = slopesOf(places, values);
  return given.map((value, t) => {
    if (value !== null) return value;
    const right = places.findIndex((place) => place > t);
    // Beyond the last place a cubic would leave all bounds.
    if (right <= 0) return right === 0 ? values[0]! : values.at(-1)!;
    const [from, to] = [places[right - 1]!, places[right]!];
    const width = to - from, share = (t - from) / width;
    const [s2, s3] = [share ** 2, share ** 3];
    return (2 * s3 - 3 * s2 + 1) * values[right - 1]! +
      (s3 - 2 * s2 + share) * width * slopes[right - 1]! +
      (3 * s2 - 2 * s3) * values[right]! +
      (s3 - s2) * width * slopes[right]!;
  });
};

/** The slopes between neighbours. */
const secantsOf = (places: readonly number[], values: readonly number[]) =>
  places.slice(1).map((place, i) =>
    (values[i + 1]! - values[i]!) / (place - places[i]!)
  );

/** Slopes that keep a cubic monotone where the values are (Fritsch and Butland 1984). */
function monotoneSlopes(
  places: readonly number[],
  values: readonly number[],
): number[] {
  const secants = secantsOf(places, values);
  return places.map((_, i) => {
    const before = secants[i - 1] ?? secants[0]!;
    const after = secants[i] ?? secants.at(-1)!;
    if (before * after <= 0) return 0;
    const first = i > 0 ? places[i]! - places[i - 1]! : 1;
    const second = i < secants.length ? places[i + 1]! - places[i]! : 1;
    const [w1, w2] = [2 * second + first, second + 2 * first];
    return (w1 + w2) / (w1 / before + w2 / after);
  });
}

/** Slopes of the natural cubic spline: its second derivatives are continuous. */
function splineSlopes(
  places: readonly number[],
  values: readonly number[],
): number[] {
  const secants = secantsOf(places, values), last = places.length - 1;
  const diagonal: number[] = [], right: number[] = [], above: number[] = [];
  for (let i = 0; i <= last; i++) {
    const before = i > 0 ? 1 / (places[i]! - places[i - 1]!) : 0;
    const after = i < last ? 1 / (places[i + 1]! - places[i]!) : 0;
    const slope = 3 *
      ((secants[i - 1] ?? 0) * before + (secants[i] ?? 0) * after);
    // Gauss' elimination of the tridiagonal system, row by row.
    const factor = i > 0 ? before / diagonal[i - 1]! : 0;
    diagonal.push(2 * (before + after) - factor * (above[i - 1] ?? 0));
    right.push(slope - factor * (right[i - 1] ?? 0));
    above.push(after);
  }
  const slopes = new Array<number>(places.length).fill(0);
  for (let i = last; i >= 0; i--) {
    slopes[i] = (right[i]! - above[i]! * (slopes[i + 1] ?? 0)) / diagonal[i]!;
  }
  return slopes;
}

/** The means of each phase of the period that is found, and lines between what is left. */
const periodMeans: Filler = (given) => {
  const series = observed(given), { values, seen } = series;
  const straight = withoutTrend(series);
  const [period] = periodsOf(straight, 1);
  const means = new Float64Array(values.length);
  if (period) {
    const { length } = period;
    for (let phase = 0; phase < length; phase++) {
      let sum = 0, count = 0;
      for (let t = phase; t < values.length; t += length) {
        if (!seen[t]) continue;
        sum += straight.values[t]!;
        count++;
      }
      for (let t = phase; t < values.length; t += length) {
        means[t] = count ? sum / count : 0;
      }
    }
  }
  const rest = line(seen)(values.map((value, t) => value - means[t]!));
  return given.map((value, t) => value ?? rest[t]! + means[t]!);
};

/** One of the guesses that the model reads. */
const guess = (which: number): Filler => (given) => {
  const series = scaled(observed(given));
  const filled = guessesOf(series).filled[which]!;
  return given.map((value, t) =>
    value ?? series.level + series.scale * filled[t]!
  );
};

/** The baselines by what they are called. */
export const BASELINES: Readonly<Record<string, Filler>> = {
  mean: guess(0),
  line: guess(1),
  "monotone cubic": byCubics(monotoneSlopes),
  "cubic spline": byCubics(splineSlopes),
  "means of the found period, and line": periodMeans,
  "Gaussian process, the likeliest of 36 kernels": byGaussianProcess,
  "the guess that erred least elsewhere": guess(4),
  "mean of all guesses by their errors": guess(5),
};
