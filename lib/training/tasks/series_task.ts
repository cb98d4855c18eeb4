/** The task of a series of numbers. @module */
import {
  assertInteger,
  assertList,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  batchesInOrder,
  collateWindows,
  scaled,
  type Scaling,
  scalingOf,
  shuffledBatches,
  splitInTime,
  windowsOf,
} from "@lionjs/data";
import { meanSquaredError } from "../losses/mean_squared_error.ts";
import { absoluteError } from "../metrics/means.ts";
import type { Task } from "./task.ts";
import { rowsOf } from "./text_task.ts";

/** Options of {@linkcode seriesTask}. */
export interface SeriesTaskOptions {
  /** The columns to read, by name. */
  columns: readonly string[];
  /** The columns to predict, by name. @default all that are read */
  targets?: readonly string[] | undefined;
  /** Number of rows that a window reads. */
  past: number;
  /** Number of rows after them, to predict. */
  ahead: number;
  /** Windows per batch. @default 32 */
  batchSize?: number | undefined;
  /** Seed of the order. @default 0 */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<SeriesTaskOptions>()(
  "columns targets past ahead batchSize seed",
);

/** A series to forecast, from {@linkcode seriesTask}. */
export interface SeriesTask extends Task {
  /** The options of `lionEncoder` that the series asks for. */
  readonly model: {
    readonly inputDim: number;
    readonly numClasses: number;
    readonly maxLength: number;
    readonly mask: false;
  };
  /** The scaling of the part to train on, for `setSeriesScaling`. */
  readonly scaling: Scaling & { readonly targets: readonly number[] };
  /** All rows in their own units, for `forecast`. */
  readonly rows: readonly (readonly number[])[];
}

/**
 * Makes a task of a series of numbers, the rows of a table in the order of time:
 * splits it in time, a tenth each for validation and testing, scales it by the part
 * to train on, and makes windows of it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { seriesTask } from "@lionjs/lion/training";
 *
 * const rows = Array.from({ length: 100 }, (_, i) => ({ load: Math.sin(i), day: i }));
 * const task = await seriesTask(rows, { columns: ["load"], past: 4, ahead: 2 });
 * assertEquals(task.model, { inputDim: 1, numClasses: 2, maxLength: 4, mask: false });
 * ```
 *
 * @param source The path of a table, .csv, .tsv, .jsonl, .json or .parquet, also
 * compressed; or its rows.
 * @param options See {@linkcode SeriesTaskOptions}.
 * @returns The task. Errors of its evaluation are in deviations of the columns.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If a row lacks a column or has no number there, a part fills
 * no window, or an option has an invalid value.
 */
export async function seriesTask(
  source: string | URL | readonly Readonly<Record<string, unknown>>[],
  options: SeriesTaskOptions,
): Promise<SeriesTask> {
  assertOptions("seriesTask", options, OPTIONS);
  const { columns, past, ahead, batchSize = 32, seed = 0 } = options;
  assertList("columns", columns);
  const { targets: predicted = columns } = options;
  assertList("targets", predicted);
  assertInteger("batchSize", batchSize, 1);
  const targets = predicted.map((name) => {
    const place = columns.indexOf(name);
    if (place >= 0) return place;
    throw new RangeError(
      `targets should be among columns, ${columns.join(", ")}, got ${
        shown(name)
      }`,
    );
  });
  const table = await rowsOf("seriesTask's source", source);
  const rows = table.map((row, i) =>
    columns.map((name) => numberIn(row, name, i))
  );
  const split = splitInTime(rows);
  const scaling = { ...scalingOf(split.train), targets };
  const windows = (part: readonly (readonly number[])[]) =>
    windowsOf(scaled(part, scaling), { past, ahead, targets });
  const own = windows(split.train);
  const collate = collateWindows();
  const held = (part: readonly (readonly number[])[]) =>
    batchesInOrder(windows(part), { batchSize, collate });
  const validation = () => held(split.validation);
  return {
    model: {
      inputDim: columns.length,
      numClasses: ahead * targets.length,
      maxLength: past,
      mask: false,
    },
    scaling,
    rows,
    train: shuffledBatches(own, {
      ...{ batchSize: Math.min(batchSize, own.size), seed, collate },
    }),
    options: {
      loss: meanSquaredError(),
      evaluate: {
        data: validation,
        metrics: { absoluteError: absoluteError() },
      },
    },
    validation,
    test: () => held(split.test),
  };
}

/** The number in a cell, which a table of texts has as its digits. */
function numberIn(
  row: Readonly<Record<string, unknown>>,
  name: string,
  place: number,
): number {
  const cell = Object(row)[name];
  const value = typeof cell === "string" && cell.trim() ? Number(cell) : cell;
  if (Number.isFinite(value)) return value as number;
  throw new RangeError(
    `${name} should be a number in each row, got ${shown(cell)} at ${place}`,
  );
}
