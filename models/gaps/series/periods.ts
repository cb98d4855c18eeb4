/** Periods of series with gaps, and what stands at the same phase of other periods. @module */
import { meanWhere, type Observed } from "./scaling.ts";

/** A period that a series may have. */
export interface Period {
  /** In places. */
  readonly length: number;
  /** The correlation of values that are a period apart. */
  readonly correlation: number;
}

/** The shortest period that is looked for: shorter ones are hardly told from noise. */
const SHORTEST = 3;

/**
 * The peaks of the correlation of what is seen with itself so many places later, those
 * first that rise the most above all shorter distances.
 *
 * @param series What {@linkcode withoutTrend} leaves.
 */
export function periodsOf(
  { values, seen }: Observed,
  most: number,
): Period[] {
  const longest = Math.floor(values.length / 2);
  const correlations = new Float64Array(longest + 2);
  for (let lag = 1; lag <= longest; lag++) {
    let product = 0, first = 0, second = 0, pairs = 0;
    for (let t = lag; t < values.length; t++) {
      if (!seen[t] || !seen[t - lag]) continue;
      const a = values[t - lag]!, b = values[t]!;
      product += a * b;
      first += a * a;
      second += b * b;
      pairs++;
    }
    // A few pairs may agree by chance.
    const sure = pairs / (pairs + 4);
    correlations[lag] = sure * product / Math.sqrt(first * second + 1e-12);
  }
  correlations[longest + 1] = correlations[longest]!;
  const found: (Period & { rise: number })[] = [];
  let lowest = 1;
  for (let lag = 1; lag <= longest; lag++) {
    const correlation = correlations[lag]!;
    const isPeak = correlation > correlations[lag - 1]! &&
      correlation >= correlations[lag + 1]!;
    if (isPeak && lag >= SHORTEST) {
      found.push({ length: lag, correlation, rise: correlation - lowest });
    }
    lowest = Math.min(lowest, correlation);
  }
  return found.sort((a, b) => b.rise - a.rise).slice(0, most)
    .map(({ length, correlation }) => ({ length, correlation }));
}

/** A series less the straight line that fits what is seen best. */
export function withoutTrend({ values, seen }: Observed): Observed {
  const time = meanWhere(seen, (t) => t);
  const level = meanWhere(seen, (t) => values[t]!);
  const slope = meanWhere(seen, (t) => (t - time) * (values[t]! - level)) /
    (meanWhere(seen, (t) => (t - time) ** 2) || 1);
  return {
    values: values.map((value, t) =>
      seen[t] ? value - level - slope * (t - time) : 0
    ),
    seen,
  };
}

/**
 * What the places a period, two periods and so on before and after tell of each place:
 * the mean of what is seen there, nearer ones weighing more; 0 where nothing is.
 *
 * @param series What {@linkcode withoutTrend} leaves.
 */
export function seasonOf(
  { values, seen }: Observed,
  period: number,
): Float64Array {
  const season = new Float64Array(values.length);
  for (let t = 0; t < values.length; t++) {
    let sum = 0, weights = 0;
    for (let k = 1, far = period; far < values.length; k++, far += period) {
      if (t >= far && seen[t - far]) {
        sum += values[t - far]! / k;
        weights += 1 / k;
      }
      if (seen[t + far]) {
        sum += values[t + far]! / k;
        weights += 1 / k;
      }
    }
    if (weights > 0) season[t] = sum / weights;
  }
  return season;
}
