/** Checks of the options that charts share. @module */
import {
  assertBoolean,
  assertFinite,
  assertList,
  assertOneOf,
  assertText,
  shown,
} from "@lionjs/base";

/** Throws unless a value is a size in pixels. */
function assertPixels(name: string, value: number): void {
  assertFinite(name, value);
  if (value > 0) return;
  throw new RangeError(`${name} should be above 0 pixels, got ${value}`);
}

function assertScale(name: string, value: "linear" | "log"): void {
  assertOneOf(name, value, ["linear", "log"]);
}

function assertRange(name: string, range: readonly number[]): void {
  assertList(name, range);
  if (range.length !== 2) {
    throw new RangeError(`${name} should be two numbers, got ${shown(range)}`);
  }
  for (const value of range) assertFinite(name, value);
}

const CHECKS: Readonly<Record<string, (name: string, value: never) => void>> = {
  ...{ title: assertText, caption: assertText, x: assertText, y: assertText },
  ...{ width: assertPixels, height: assertPixels, colorscale: assertText },
  ...{ markers: assertBoolean, fromZero: assertBoolean },
  ...{ showScale: assertBoolean, showCounts: assertBoolean },
  ...{ xType: assertScale, yType: assertScale, range: assertRange },
};

/** Throws unless those options of a chart that are given are of the right kind. */
export function assertChart(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) CHECKS[name]?.(name, value as never);
  }
}

/** Throws unless the values of a chart are an array of numbers, of which NaN is a gap. */
export function assertValues(name: string, values: ArrayLike<number>): void {
  if (typeof values === "object" && Number.isInteger(Object(values).length)) {
    const all = Array.from(values);
    const at = all.findIndex((value) => typeof value !== "number");
    if (at < 0) return;
    throw new TypeError(
      `${name} should be an array of numbers, got ${shown(all[at])} at ${at}`,
    );
  }
  throw new TypeError(
    `${name} should be an array of numbers, got ${shown(values)}`,
  );
}

/** Throws unless a value is a list of names. */
export function assertNames(name: string, names: readonly string[]): void {
  assertList(name, names);
  for (const one of names) assertText(name, one);
}
