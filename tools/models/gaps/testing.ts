/** How far gaps that are filled are from what was in them. @module */
import { below, seeded } from "@lionjs/data/batches";
import { observed, scaled } from "../../../models/gaps/series/mod.ts";
import type { Figure, Share } from "../card.ts";
import type { RealSeries } from "./real_series.ts";

/** The lengths of gaps that are tested. */
export const GAPS = [5, 10, 20, 40] as const;

/** The gaps by whose mean a model is judged. */
export const JUDGED = GAPS.slice(1);

/** The length of the windows that are tested, as long as the series allows. */
export const WINDOW = 192;

/** A window of a series with a gap. */
export interface Window {
  /** The name of its series. */
  readonly series: string;
  readonly gap: number;
  readonly truth: readonly number[];
  /** The first place of the gap. */
  readonly first: number;
  /** `null` in the gap. */
  readonly given: readonly (number | null)[];
}

/**
 * Draws windows of each series for each gap, the same for all who are tested.
 *
 * @throws {RangeError} If a series has no window without unknown values.
 */
export function drawWindows(
  series: readonly RealSeries[],
  count: number,
): Window[] {
  return series.flatMap(({ name, values }) => {
    const unknown = [-1, ...values.keys(), values.length].filter((t) =>
      !Number.isFinite(values[t])
    );
    if (!unknown.some((t, i) => t - unknown[i - 1]! > WINDOW)) {
      throw new RangeError(
        `${name} should have ${WINDOW} known values in a row to test on`,
      );
    }
    return GAPS.flatMap((gap) => {
      const random = seeded("gaps", "test", name, gap);
      return Array.from({ length: count }, () => {
        for (;;) {
          const start = below(values.length - WINDOW + 1, random);
          const truth = Array.from(values.slice(start, start + WINDOW));
          // The first and last eighth are left to be seen.
          const edge = WINDOW / 8;
          const first = edge + below(WINDOW - 2 * edge - gap + 1, random);
          if (truth.some(Number.isNaN)) continue;
          const given = truth.map((value, t) =>
            t >= first && t < first + gap ? null : value
          );
          return { series: name, gap, truth, first, given };
        }
      });
    });
  });
}

/**
 * The mean absolute error in a window's gap, divided by the mean absolute deviation of
 * what is seen.
 */
export function errorOf(
  { truth, first, gap, given }: Window,
  filled: readonly number[],
): number {
  const { scale } = scaled(observed(given));
  let sum = 0;
  for (let t = first; t < first + gap; t++) {
    sum += Math.abs(filled[t]! - truth[t]!);
  }
  return sum / gap / scale;
}

/** What is found in windows. */
export interface Tested {
  /** The errors by series and gap, in the order of their windows. */
  readonly errors: Readonly<
    Record<string, Readonly<Record<number, readonly number[]>>>
  >;
  /** How many places of gaps are within the band of 80 %, by gap; without bands none. */
  readonly covered: Readonly<Record<number, Share>>;
}

/** The window's filled series, and the band's bounds, if there is one. */
export interface Answer {
  readonly values: readonly number[];
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

/** Measures answers for windows. */
export function tested(
  windows: readonly Window[],
  answers: readonly Answer[],
): Tested {
  const errors: Record<string, Record<number, number[]>> = {};
  const covered: Record<number, { solved: number; of: number }> = {};
  windows.forEach((window, i) => {
    const { series, gap, first, truth } = window;
    const { values, low, high } = answers[i]!;
    ((errors[series] ??= {})[gap] ??= []).push(errorOf(window, values));
    if (!low || !high) return;
    const share = covered[gap] ??= { solved: 0, of: 0 };
    for (let t = first; t < first + gap; t++) {
      share.of++;
      if (low[t]! <= truth[t]! && truth[t]! <= high[t]!) share.solved++;
    }
  });
  return { errors, covered };
}

const meanOf = (numbers: readonly number[]) =>
  numbers.reduce((a, b) => a + b) / numbers.length;

/** Student's t for an interval of 95 %, by the degrees of freedom; with more it is near 1.96. */
const STUDENT = [0, 12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];

/**
 * The mean error over some gaps, and its interval of 95 % by the series' means: windows
 * of one series are not independent.
 */
export function errorFigure(
  { errors }: Tested,
  gaps: readonly number[] = JUDGED,
): Figure {
  return figureOf(
    Object.values(errors).map((byGap) =>
      meanOf(gaps.map((gap) => meanOf(byGap[gap]!)))
    ),
  );
}

/** The mean error in a series, and its interval of 95 % by its windows. */
export function seriesFigure({ errors }: Tested, series: string): Figure {
  return figureOf(JUDGED.flatMap((gap) => errors[series]![gap]!));
}

/** The mean of numbers, and its interval of 95 %. */
function figureOf(numbers: readonly number[]): Figure {
  const value = meanOf(numbers), freedom = numbers.length - 1;
  const variance = numbers.reduce((sum, x) => sum + (x - value) ** 2, 0) /
    Math.max(1, freedom);
  const half = (STUDENT[freedom] ?? 1.96) *
    Math.sqrt(variance / numbers.length);
  return { value, low: value - half, high: value + half, of: numbers.length };
}

/** Series in which a few values were replaced by others. */
export interface Spiked {
  readonly values: readonly number[];
  readonly spikes: readonly number[];
}

/** How far spikes are from what was there, in mean absolute deviations. */
const SPIKE = { least: 3, most: 8 } as const;

/** Plants spikes at one of 48 places of windows. */
export function plantSpikes(windows: readonly Window[]): Spiked[] {
  return windows.map(({ truth, series, gap }, i) => {
    const random = seeded("gaps", "spikes", series, gap, i);
    const { scale } = scaled(observed(truth));
    const spikes = Array.from(
      { length: WINDOW / 48 },
      (_, k) => 48 * k + below(48, random),
    );
    const values = [...truth];
    for (const place of spikes) {
      const far = SPIKE.least + (SPIKE.most - SPIKE.least) * random();
      values[place]! += (random() < 0.5 ? -1 : 1) * far * scale;
    }
    return { values, spikes };
  });
}

/** Precision and recall as one number, from what was found. */
export function f1Of(
  spiked: readonly Spiked[],
  found: readonly (readonly number[])[],
): number {
  let right = 0, wrong = 0, missed = 0;
  spiked.forEach(({ spikes }, i) => {
    const hits = spikes.filter((place) => found[i]!.includes(place)).length;
    right += hits;
    wrong += found[i]!.length - hits;
    missed += spikes.length - hits;
  });
  return 2 * right / (2 * right + wrong + missed);
}

/** The places that are far from the median of seven, by the deviation of all such differences. */
export function byMedianFilter(values: readonly number[]): number[] {
  const median = (numbers: readonly number[]) =>
    [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
  const rest = values.map((value, t) =>
    Math.abs(value - median(values.slice(Math.max(0, t - 3), t + 4)))
  );
  // The deviation of a normal distribution is 1.4826 times its median difference.
  const deviation = 1.4826 * median(rest);
  return [...rest.keys()].filter((t) => rest[t]! > 4 * deviation);
}
