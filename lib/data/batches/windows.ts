/** Series of numbers: windows of rows, and their scaling. @module */
import {
  assertBoolean,
  assertInteger,
  assertList,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { assertPlace, type Examples } from "./dataset.ts";
import type { Collate } from "./stream.ts";

/** The mean and the standard deviation of each column of a series. */
export interface Scaling {
  /** The mean of each column. */
  readonly means: readonly number[];
  /** The standard deviation of each column; 1 for a column that is constant. */
  readonly deviations: readonly number[];
}

/** The rows before a moment, and those after it. */
export interface Window {
  /** The rows to read, one number for each column. */
  readonly past: readonly (readonly number[])[];
  /** The rows to predict, one number for each target. */
  readonly ahead: readonly (readonly number[])[];
}

/** Options of {@linkcode windowsOf}. */
export interface WindowsOfOptions {
  /** Number of rows that a window reads. */
  past: number;
  /** Number of rows after them, to predict. */
  ahead: number;
  /** The columns to predict, by their places. @default all */
  targets?: readonly number[] | undefined;
  /** Number of rows from a window to the next. @default 1 */
  step?: number | undefined;
}

const OPTIONS = optionsOf<WindowsOfOptions>()("past ahead targets step");

/**
 * Makes the windows of a series, as a dataset: at each moment, the rows before it
 * and the rows after it. Windows overlap, so split a series in time
 * (`splitInTime`) before, and make windows of each part.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { windowsOf } from "@lionjs/lion/data";
 *
 * const rows = [[1, 10], [2, 20], [3, 30], [4, 40]];
 * const windows = windowsOf(rows, { past: 2, ahead: 1, targets: [1] });
 * assertEquals(windows.size, 2);
 * assertEquals(windows.get(1), { past: [[2, 20], [3, 30]], ahead: [[40]] });
 * ```
 *
 * @param rows The rows in the order of time, one number for each column.
 * @param options See {@linkcode WindowsOfOptions}.
 * @returns The windows, for `shuffledBatches` with `collateWindows`.
 * @throws {TypeError} If a row is no list of numbers, or an option is unknown.
 * @throws {RangeError} If rows differ in length, an option is invalid, or the rows
 * do not fill a window.
 */
export function windowsOf(
  rows: readonly (readonly number[])[],
  options: WindowsOfOptions,
): Examples<Window> {
  assertOptions("windowsOf", options, OPTIONS);
  const columns = columnsOf("windowsOf's rows", rows);
  const { past, ahead, step = 1 } = options;
  assertInteger("past", past, 1);
  assertInteger("ahead", ahead, 1);
  assertInteger("step", step, 1);
  const { targets = Array.from({ length: columns }, (_, i) => i) } = options;
  assertTargets(targets, columns);
  const last = rows.length - past - ahead;
  if (last < 0) {
    throw new RangeError(
      `windowsOf's rows should be at least past + ahead, ${
        past + ahead
      }, got ${rows.length}`,
    );
  }
  const size = Math.floor(last / step) + 1;
  return {
    size,
    get(index) {
      assertPlace(index, size);
      const now = index * step + past;
      return {
        past: rows.slice(now - past, now),
        ahead: rows.slice(now, now + ahead).map((row) =>
          targets.map((column) => row[column]!)
        ),
      };
    },
  };
}

function assertTargets(targets: readonly number[], columns: number): void {
  assertList("targets", targets);
  for (const column of targets) {
    assertInteger("each of targets", column, 0, columns - 1);
  }
  if (targets.length > 0) return;
  throw new RangeError("targets should be one column or more, got none");
}

/** Options of {@linkcode collateWindows}. */
export interface CollateWindowsOptions {
  /**
   * Whether the inputs include a mask, all ones, for a model without `mask: false`.
   * @default false
   */
  mask?: boolean | undefined;
}

const COLLATE = optionsOf<CollateWindowsOptions>()("mask");

/**
 * Makes batches of the windows of `windowsOf`, for a `lionEncoder` with `inputDim`
 * and `mask: false`: inputs `[batch, past, columns]`, and labels
 * `[batch, ahead · targets]`, float32, row by row.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, collateWindows, windowsOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const windows = windowsOf([[1], [2], [3], [4]], { past: 2, ahead: 2 });
 * const batches = batchesInOrder(windows, { batchSize: 1, collate: collateWindows() });
 * for await (const { inputs, labels } of batches) {
 *   assertEquals(await inputs[0]!.array(), [[[1], [2]]]);
 *   assertEquals(await labels.array(), [[3, 4]]);
 *   tf.dispose([...inputs, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateWindowsOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 */
export function collateWindows(
  options: CollateWindowsOptions = {},
): Collate<Window> {
  assertOptions("collateWindows", options, COLLATE);
  const { mask = false } = options;
  assertBoolean("mask", mask);
  return (windows) => {
    assertList("a batch's examples", windows);
    const [past, ahead] = (["past", "ahead"] as const).map((part) =>
      windows.map((window, i) => {
        const rows = Object(window)[part];
        columnsOf(`${part} of window ${i}`, rows);
        return rows as number[][];
      })
    );
    const values = tf.tensor3d(past!);
    const [size, length] = values.shape;
    return {
      inputs: mask ? [values, tf.ones([size, length])] : [values],
      labels: tf.tensor2d(ahead!.map((rows) => rows.flat())),
      size,
    };
  };
}

/**
 * Computes the mean and the standard deviation of each column of a series: those
 * of the rows to train on, for `scaled`, `setSeriesScaling` and `forecast`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scaled, scalingOf, unscaled } from "@lionjs/lion/data";
 *
 * const rows = [[1, 5], [3, 5]];
 * const scaling = scalingOf(rows);
 * assertEquals(scaling, { means: [2, 5], deviations: [1, 1] });
 * assertEquals(scaled(rows, scaling), [[-1, 0], [1, 0]]);
 * assertEquals(unscaled([[-1, 0]], scaling), [[1, 5]]);
 * ```
 *
 * @param rows The rows, one number for each column.
 * @returns The scaling, plain data.
 * @throws {TypeError} If a row is no list of numbers.
 * @throws {RangeError} If rows differ in length, or there are none.
 */
export function scalingOf(rows: readonly (readonly number[])[]): Scaling {
  const columns = columnsOf("scalingOf's rows", rows);
  const all = Array.from({ length: columns }, (_, column) => {
    const values = rows.map((row) => row[column]!);
    // The rounded mean of equal numbers may differ from them.
    if (values.every((value) => value === values[0])) return [values[0]!, 1];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
      values.length;
    return [mean, Math.sqrt(square)];
  });
  return {
    means: all.map(([mean]) => mean!),
    deviations: all.map(([, deviation]) => deviation!),
  };
}

/**
 * Returns rows with a mean of 0 and a deviation of 1: (value − mean) / deviation.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scaled } from "@lionjs/lion/data";
 *
 * assertEquals(scaled([[1], [5]], { means: [3], deviations: [2] }), [[-1], [1]]);
 * ```
 *
 * @param rows The rows, one number for each column of the scaling.
 * @param scaling The scaling, of {@linkcode scalingOf}.
 * @returns The scaled rows.
 * @throws {TypeError} If a row is no list of numbers, or the scaling is none.
 * @throws {RangeError} If rows have other columns than the scaling.
 */
export function scaled(
  rows: readonly (readonly number[])[],
  scaling: Scaling,
): number[][] {
  assertColumns("scaled", rows, scaling);
  const { means, deviations } = scaling;
  return rows.map((row) =>
    row.map((value, i) => (value - means[i]!) / deviations[i]!)
  );
}

/**
 * Returns rows in their own units again: value · deviation + mean.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unscaled } from "@lionjs/lion/data";
 *
 * assertEquals(unscaled([[-1], [1]], { means: [3], deviations: [2] }), [[1], [5]]);
 * ```
 *
 * @param rows The scaled rows.
 * @param scaling The scaling, of {@linkcode scalingOf}.
 * @returns The rows.
 * @throws {TypeError} If a row is no list of numbers, or the scaling is none.
 * @throws {RangeError} If rows have other columns than the scaling.
 */
export function unscaled(
  rows: readonly (readonly number[])[],
  scaling: Scaling,
): number[][] {
  assertColumns("unscaled", rows, scaling);
  const { means, deviations } = scaling;
  return rows.map((row) =>
    row.map((value, i) => value * deviations[i]! + means[i]!)
  );
}

function assertColumns(
  owner: string,
  rows: readonly (readonly number[])[],
  scaling: Scaling,
): void {
  assertScaling(`${owner}'s scaling`, scaling);
  const columns = columnsOf(`${owner}'s rows`, rows);
  if (columns === scaling.means.length) return;
  throw new RangeError(
    `${owner}'s rows should have the scaling's ${scaling.means.length} columns, got ${columns}`,
  );
}

/** Throws unless a value is a scaling, with as many means as deviations. */
export function assertScaling(name: string, scaling: Scaling): void {
  const { means, deviations } = Object(scaling) as Scaling;
  const areNumbers = (values: unknown) =>
    Array.isArray(values) && values.every(Number.isFinite);
  if (
    areNumbers(means) && areNumbers(deviations) &&
    means.length === deviations.length && deviations.every((one) => one > 0)
  ) return;
  throw new TypeError(
    `${name} should be what scalingOf returns, means and as many deviations above 0, got ${
      shown(scaling)
    }`,
  );
}

/** The number of columns of rows; throws unless all have as many numbers. */
export function columnsOf(
  name: string,
  rows: readonly (readonly number[])[],
): number {
  assertList(name, rows);
  const columns = Object(rows[0]).length;
  for (const [i, row] of rows.entries()) {
    const given: unknown = row;
    const at = Array.isArray(given)
      ? given.findIndex((value) => !Number.isFinite(value))
      : 0;
    if (!Array.isArray(given) || at >= 0) {
      throw new TypeError(
        `${name} should be lists of finite numbers, got ${
          shown(Array.isArray(given) ? given[at] : given)
        } in row ${i}`,
      );
    }
    if (given.length === columns) continue;
    throw new RangeError(
      `${name} should have the same number of columns, ${columns}, got ${given.length} in row ${i}`,
    );
  }
  if (columns > 0) return columns;
  throw new RangeError(`${name} should be one or more, got none`);
}
