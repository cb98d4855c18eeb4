/** Windows of long series, each around gaps that the model is to fill. @module */
import { FEWEST_NUMBERS } from "./checks.ts";

/** The most places that the model reads at once. */
export const LONGEST = 256;

/** What a window shows on either side of a gap, at least. */
const SIDE = 32;

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
 * {@linkcode LONGEST}.
 *
 * @param name The series' name in messages.
 * @throws {RangeError} If a gap of a long series leaves too little of its window.
 */
export function windowsOf(
  name: string,
  series: readonly (number | null)[],
): Window[] {
  const windows: Window[] = [];
  const length = Math.min(LONGEST, series.length);
  for (let from = series.indexOf(null); from >= 0;) {
    const number = series.findIndex((value, t) => t > from && value !== null);
    const end = number < 0 ? series.length : number;
    if (length < series.length && end - from > LONGEST - 2 * SIDE) {
      throw new RangeError(
        `${name} should have gaps of at most ${
          LONGEST - 2 * SIDE
        } places, since it is longer than ${LONGEST}; got one of ${
          end - from
        } at place ${from}`,
      );
    }
    const middle = Math.floor((from + end - length) / 2);
    const start = Math.max(0, Math.min(series.length - length, middle));
    const values = series.slice(start, start + length);
    if (
      values.filter((value) => value !== null).length < FEWEST_NUMBERS
    ) {
      throw new RangeError(
        `${name} should have ${FEWEST_NUMBERS} numbers or more among the ${length} ` +
          `places around the gap at place ${from}`,
      );
    }
    // Later gaps are filled with it if as much after them is seen.
    const isAtEnd = start + length === series.length;
    const until = isAtEnd
      ? series.length
      : Math.max(end, start + length - SIDE);
    const places: number[] = [];
    let t = from;
    for (; t < until; t++) if (series[t] === null) places.push(t);
    // A gap that goes on is left to a window of its own.
    if (series[t] === null) {
      while (t > end && series[t - 1] === null) {
        t--;
        places.pop();
      }
    }
    windows.push({ start, values, places });
    from = series.indexOf(null, t);
  }
  return windows;
}
