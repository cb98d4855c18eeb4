/** A user's own series, on which the model's training goes on. @module */
import { below } from "@lionjs/data/batches";
import { csvRows } from "@lionjs/lion/data";
import { CannotBegin } from "@lionjs/recipes/needed_files";
import { type DrawExample, drawn } from "./model.ts";
import type { RealSeries } from "./real_series.ts";
import { drawSeen } from "./series.ts";
import { WINDOW } from "./testing.ts";

/** The share of each series, at its end, on which the model is tested. */
const TESTED = 1 / 3;

/** The share of examples that are of a user's series; the others are drawn as ever. */
const OWN = 0.5;

/**
 * Reads the columns of numbers of a table.
 *
 * @param file CSV, with names in its first line; empty where a value is not known.
 * @throws {CannotBegin} If no column has numbers, or the table is too short.
 */
export async function readOwnSeries(file: string): Promise<RealSeries[]> {
  const rows = [...await csvRows(file)];
  const series = Object.keys(rows[0] ?? {}).map((name) => ({
    name,
    values: Float64Array.from(rows, (row) => {
      const text = String(row[name]).trim();
      return text === "" ? NaN : Number(text);
    }),
  })).filter(({ values }) =>
    values.some((value, i) =>
      !Number.isNaN(value) && !Number.isNaN(values[i + 1])
    )
  );
  const fewest = Math.ceil(WINDOW / TESTED);
  if (series.length === 0 || rows.length < fewest) {
    throw new CannotBegin(
      `--data should be a table with a column of numbers and ${fewest} rows or more, ` +
        `got ${series.length} such columns and ${rows.length} rows`,
    );
  }
  return series;
}

/** The parts of series to train on, and those to test on, which come after. */
export function splitSeries(series: readonly RealSeries[]) {
  const part = (from: number, to: number) =>
    series.map(({ name, values }) => ({
      name,
      values: values.slice(
        Math.round(from * values.length),
        Math.round(to * values.length),
      ),
    }));
  return { train: part(0, 1 - TESTED), test: part(1 - TESTED, 1) };
}

/** Draws examples from series, and as many as ever. */
export function drawnFrom(series: readonly RealSeries[]): DrawExample {
  return (length, random) => {
    if (random() >= OWN) return drawn(length, random);
    const { values } = series[below(series.length, random)]!;
    const start = below(values.length - length + 1, random);
    const window = values.slice(start, start + length);
    // What was never known cannot be learned.
    return window.some(Number.isNaN)
      ? drawn(length, random)
      : { values: window, seen: drawSeen(length, random) };
  };
}
