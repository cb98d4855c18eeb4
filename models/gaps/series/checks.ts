/** Checks of what users give: series and options. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LONGEST, LONGEST_GAP, type Window, windowsOf } from "./windows.ts";

/** Series: numbers, and `null` where none is known. */
export type Series = readonly (readonly (number | null)[])[];

/** Options of what answers for series. */
export interface GapOptions {
  /** Whether answers have bands of 80 %, and not only their middle. @default false */
  bands?: boolean | undefined;
  /** A model of one's own, which `deno task models gaps --data` makes. @default the package's */
  model?: LayersModel | undefined;
}

/** Options that ask for bands. */
export type WithBands = GapOptions & { bands: true };

const OPTIONS = ["bands", "model"];

/** The shortest series. */
const SHORTEST = 16;

/** The fewest numbers that a series, or a window of it, needs. */
const FEWEST_NUMBERS = 4;

/** Whether a window has enough numbers. */
export const isKnownEnough = ({ values }: Pick<Window, "values">): boolean =>
  values.filter((value) => value !== null).length >= FEWEST_NUMBERS;

/** A value as messages name it. */
function kindOf(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value)
    ? `an array of ${value.length} values`
    : "an object";
}

/**
 * Throws unless series and options are what can be answered for.
 *
 * @throws {TypeError} If the series are not arrays of numbers and `null`, or an option is
 * unknown.
 * @throws {RangeError} If one is too short, has too few numbers, or one that is not finite.
 */
export function assertAll(
  caller: string,
  series: Series,
  options: GapOptions,
): void {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `${caller} has no option "${unknown}". Its options are ${
        OPTIONS.join(", ")
      }`,
    );
  }
  assertSeries(caller, series);
}

/** Throws unless these are series that can be filled. */
function assertSeries(caller: string, series: Series): void {
  const given: unknown = series;
  if (!Array.isArray(given)) {
    throw new TypeError(
      `${caller}'s series should be an array of series, got ${
        kindOf(given)
      }; a single one is [series]`,
    );
  }
  given.forEach((row: unknown, i) => {
    const name = `${caller}'s series[${i}]`;
    if (!Array.isArray(row)) {
      throw new TypeError(
        `${name} should be an array of numbers and null, got ${
          kindOf(row)
        }; a single series is [series]`,
      );
    }
    // Holes of an array are undefined, which forEach would skip.
    for (const [t, value] of row.entries()) {
      if (value === null || typeof value === "number") continue;
      throw new TypeError(
        `${name}[${t}] should be a number or null, got ${kindOf(value)}`,
      );
    }
    const wrong = row.findIndex((value) =>
      value !== null && !Number.isFinite(value)
    );
    if (wrong >= 0) {
      throw new RangeError(
        `${name}[${wrong}] should be finite, got ${
          row[wrong]
        }; what is not known is null`,
      );
    }
    if (row.length < SHORTEST) {
      throw new RangeError(
        `${name} should have ${SHORTEST} places or more, got ${row.length}`,
      );
    }
    assertKnown(name, row);
  });
}

/** Throws unless enough is known around each gap of a series. */
function assertKnown(name: string, series: readonly (number | null)[]): void {
  const numbers = series.filter((value) => value !== null).length;
  if (numbers < FEWEST_NUMBERS) {
    throw new RangeError(
      `${name} should have ${FEWEST_NUMBERS} numbers or more, got ${numbers}`,
    );
  }
  if (series.length <= LONGEST) return;
  for (let t = 0, gap = 0; t < series.length; t++) {
    gap = series[t] === null ? gap + 1 : 0;
    if (gap <= LONGEST_GAP) continue;
    throw new RangeError(
      `${name} should have no gap of more than ${LONGEST_GAP} places, since it is ` +
        `longer than ${LONGEST}; got one at place ${t - gap + 1}`,
    );
  }
  const unknown = windowsOf(series).find((window) => !isKnownEnough(window));
  if (unknown) {
    throw new RangeError(
      `${name} should have ${FEWEST_NUMBERS} numbers or more among the ${LONGEST} ` +
        `places around the gap at place ${unknown.places[0]}`,
    );
  }
}
