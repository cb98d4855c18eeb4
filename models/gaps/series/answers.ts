/** What a model tells of series: what their gaps may hold, and which values stand out. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { isKnownEnough } from "./checks.ts";
import { LEVELS, quantilesOf } from "./reader.ts";
import { windowsOf } from "./windows.ts";

/** A series whose gaps are filled. */
export interface Filled {
  /** The values; known ones are as they were. */
  readonly values: number[];
  /** What a gap's value is above with a probability of 90 %; known values as they are. */
  readonly low: number[];
  /** What a gap's value is below with a probability of 90 %; known values as they are. */
  readonly high: number[];
}

/** The lowest and highest quantile, and the median. */
const LOW = 0, MIDDLE = LEVELS.indexOf(0.5), HIGH = LEVELS.length - 1;

/**
 * Fills the gaps of series with a model.
 *
 * @param series Each has been checked.
 */
export async function filledOf(
  model: LayersModel,
  series: readonly (readonly (number | null)[])[],
): Promise<Filled[]> {
  const read = await readGaps(model, series);
  return series.map((row, i) => {
    const bound = (quantile: number) =>
      row.map((value, t) => value ?? read[i]!.get(t)![quantile]!);
    return { values: bound(MIDDLE), low: bound(LOW), high: bound(HIGH) };
  });
}

/** The quantiles of all places without a value, by place, where enough around is known. */
async function readGaps(
  model: LayersModel,
  series: readonly (readonly (number | null)[])[],
): Promise<Map<number, readonly number[]>[]> {
  const windows = series.flatMap((row, i) =>
    windowsOf(row).filter(isKnownEnough).map((window) => ({ window, i }))
  );
  const read = await quantilesOf(
    model,
    windows.map(({ window }) => window.values),
  );
  const found = series.map(() => new Map<number, readonly number[]>());
  windows.forEach(({ window: { start, places }, i }, k) => {
    for (const t of places) found[i]!.set(t, read[k]![t - start]!);
  });
  return found;
}

/** One of so many values is left out at a time. */
const STRIDE = 8;

/** How many deviations of the band a value is away that stands out. */
const FAR = 4;

/** A normal distribution's quantiles at 0.1 and 0.9 are so many deviations apart. */
const DEVIATIONS = 2.563;

/**
 * Finds the places whose values stand out, by what the others tell of them: each eighth
 * value is left out at once, and so on eight times.
 *
 * @param series Each has been checked.
 */
export async function outliersOf(
  model: LayersModel,
  series: readonly (readonly (number | null)[])[],
): Promise<number[][]> {
  const combs = Array.from({ length: STRIDE }, (_, first) => first);
  const left = series.flatMap((row) =>
    combs.map((first) =>
      row.map((value, t) => t % STRIDE === first ? null : value)
    )
  );
  const read = await readGaps(model, left);
  return series.map((row, i) =>
    [...row.keys()].filter((t) => {
      const value = row[t]!;
      if (value === null) return false;
      const quantiles = read[i * STRIDE + t % STRIDE]!.get(t);
      if (!quantiles) return false;
      const deviation = (quantiles[HIGH]! - quantiles[LOW]!) / DEVIATIONS;
      return Math.abs(value - quantiles[MIDDLE]!) > FAR * deviation;
    })
  );
}
