/** Windows of long series, each around gaps that the model is to fill. @module */

/** The most places that the model reads at once. */
export const LONGEST = 256;

/** What a window shows on either side of a gap, at least. */
const SIDE = 32;

/** The longest gap that a window holds. */
export const LONGEST_GAP = LONGEST - 2 * SIDE;

/** A part of a series that is read at once. */
export interface Window {
  /** The series' place at which it starts. */
  readonly start: number;
  readonly values: readonly (number | null)[];
  /** The series' places that are filled by it. */
  readonly places: readonly number[];
}

/**
 * The windows that fill all gaps of a series: itself, unless it is longer than
 * {@linkcode LONGEST}. Gaps that are longer than {@linkcode LONGEST_GAP} are filled part
 * by part.
 */
export function windowsOf(series: readonly (number | null)[]): Window[] {
  const windows: Window[] = [];
  const length = Math.min(LONGEST, series.length);
  const isWhole = length === series.length;
  for (let from = series.indexOf(null); from >= 0;) {
    const number = series.findIndex((value, t) => t > from && value !== null);
    const end = Math.min(
      number < 0 ? series.length : number,
      isWhole ? length : from + LONGEST_GAP,
    );
    const middle = Math.floor((from + end - length) / 2);
    const start = Math.max(0, Math.min(series.length - length, middle));
    // Later gaps are filled with it if as much after them is seen.
    const isAtEnd = start + length === series.length;
    const until = isAtEnd
      ? series.length
      : Math.max(end, start + length - SIDE);
    const places: number[] = [];
    let t = from;
    for (; t < until; t++) if (series[t] === null) places.push(t);
    // A gap that goes on is left to a window of its own.
    while (series[t] === null && t > end && series[t - 1] === null) {
      t--;
      places.pop();
    }
    windows.push({
      start,
      values: series.slice(start, start + length),
      places,
    });
    from = series.indexOf(null, t);
  }
  return windows;
}
