/** What the model reads of a series: its values, and what they tell of each place. @module */
import { GUESSES, type Guesses, guessesOf } from "./guesses.ts";
import { meanWhere, type Scaled } from "./scaling.ts";

/** Distances whose mean absolute differences tell a walk from noise. */
const DISTANCES = [1, 2, 4, 8, 16, 32] as const;

/** Periods, in places, of the waves that tell places apart. */
const WAVES = [8, 32, 128] as const;

/** The number of columns of each place. */
export const COLUMNS = 9 + 2 * GUESSES.length + DISTANCES.length +
  2 * WAVES.length;

/** A series as the model reads it. */
export interface Columns {
  /** `[length, COLUMNS]`, row by row. */
  readonly columns: Float32Array;
  readonly guesses: Guesses;
}

/** The columns of a scaled series. */
export function columnsOf(series: Scaled): Columns {
  const { values, seen } = series, length = values.length;
  const guesses = guessesOf(series);
  const { filled, errors, period, season } = guesses;
  const ofSeries = [
    ...errors.map((error) => Math.log(error + 0.02)),
    ...DISTANCES.map((distance) => differenceAt(series, distance)),
    period?.correlation ?? 0,
  ];
  const [before, after] = distancesToSeen(seen);
  const columns = new Float32Array(length * COLUMNS);
  for (let t = 0, i = 0; t < length; t++) {
    columns[i++] = values[t]!;
    columns[i++] = seen[t]!;
    columns[i++] = t / 256;
    for (const numbers of filled) columns[i++] = numbers[t]!;
    columns[i++] = season[t]!;
    const turn = period ? 2 * Math.PI * t / period.length : 0;
    columns[i++] = Math.sin(turn);
    columns[i++] = period ? Math.cos(turn) : 0;
    columns[i++] = Math.log1p(before[t]!) / 4;
    columns[i++] = Math.log1p(after[t]!) / 4;
    for (const number of ofSeries) columns[i++] = number;
    for (const wave of WAVES) {
      columns[i++] = Math.sin(2 * Math.PI * t / wave);
      columns[i++] = Math.cos(2 * Math.PI * t / wave);
    }
  }
  return { columns, guesses };
}

/** The mean absolute difference of seen values that are so far apart; 1 if none are. */
function differenceAt({ values, seen }: Scaled, distance: number): number {
  const both = seen.map((isSeen, t) => isSeen && seen[t + distance] ? 1 : 0);
  return both.includes(1)
    ? meanWhere(both, (t) => Math.abs(values[t + distance]! - values[t]!))
    : 1;
}

/** How far the nearest seen places before and after each place are; the length, if none is. */
function distancesToSeen(seen: Uint8Array): [Float64Array, Float64Array] {
  const length = seen.length;
  const before = new Float64Array(length), after = new Float64Array(length);
  for (let t = 0, far = length; t < length; t++) {
    before[t] = far = seen[t] ? 0 : Math.min(length, far + 1);
  }
  for (let t = length - 1, far = length; t >= 0; t--) {
    after[t] = far = seen[t] ? 0 : Math.min(length, far + 1);
  }
  return [before, after];
}
