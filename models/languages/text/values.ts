/** Texts as the model's input: for each place, what the runs that end there say for each language. @module */
import { hashesOf, ORDERS, rowsOf } from "./grams.ts";
import { LANGUAGES } from "./languages.ts";

const COLUMNS = LANGUAGES.length;

/**
 * A text's places, `[places, languages]`, scaled so that their mean is that of all rows
 * of the text.
 *
 * @param table `[rows, languages]`, row by row.
 * @param letters What `lettersOf` returns.
 * @param isKept Whether a run counts; all others say nothing. @default all do
 */
export function valuesOf(
  table: Float32Array,
  letters: string,
  isKept: () => boolean = () => true,
): Float32Array {
  const rows = rowsOf(hashesOf(letters))
    .map((row) => row >= 0 && isKept() ? row : -1);
  const places = rows.length / ORDERS;
  const values = new Float32Array(places * COLUMNS);
  const present = rows.filter((row) => row >= 0).length;
  const scale = places / Math.max(1, present);
  rows.forEach((row, i) => {
    if (row < 0) return;
    const place = Math.floor(i / ORDERS) * COLUMNS;
    for (let j = 0; j < COLUMNS; j++) {
      values[place + j]! += scale * table[row * COLUMNS + j]!;
    }
  });
  return values;
}

/** How many places before and after one are averaged. */
const WINDOW = 8;

/**
 * The means of the values of the places around each place, as far as there are any: what
 * a few words say, where one place says little.
 *
 * @param values What `valuesOf` returns, `[places, languages]`.
 */
export function windowMeans(values: Float32Array): Float32Array {
  const places = values.length / COLUMNS;
  const means = new Float32Array(values.length);
  const sum = new Float64Array(COLUMNS);
  const add = (place: number, sign: number) => {
    if (place < 0 || place >= places) return;
    for (let j = 0; j < COLUMNS; j++) {
      sum[j]! += sign * values[place * COLUMNS + j]!;
    }
  };
  for (let place = -WINDOW; place < places; place++) {
    add(place + WINDOW, 1);
    add(place - WINDOW - 1, -1);
    if (place < 0) continue;
    const count = Math.min(places - 1, place + WINDOW) -
      Math.max(0, place - WINDOW) + 1;
    for (let j = 0; j < COLUMNS; j++) {
      means[place * COLUMNS + j] = sum[j]! / count;
    }
  }
  return means;
}

/** Rows of different lengths as one array `[rows, longest, languages]`, padded with 0, and its mask. */
export function padded(
  rows: readonly Float32Array[],
): { values: Float32Array; mask: Float32Array; length: number } {
  const length = Math.max(...rows.map((row) => row.length / COLUMNS));
  const values = new Float32Array(rows.length * length * COLUMNS);
  const mask = new Float32Array(rows.length * length);
  rows.forEach((row, i) => {
    values.set(row, i * length * COLUMNS);
    mask.fill(1, i * length, i * length + row.length / COLUMNS);
  });
  return { values, mask, length };
}
