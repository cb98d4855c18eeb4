import { shown } from "@lionjs/base";

export const LARGEST_INTEGER = 2 ** 31 - 1;

/**
 * Throws unless all values are int32, since an Int32Array would turn NaN into 0
 * and 1.5 into 1; returns the values.
 */
export function integers<T extends ArrayLike<number>>(
  name: string,
  values: T,
): T {
  if (values instanceof Int32Array) return values;
  assertNumbers(name, values);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (typeof value === "number" && (value | 0) === value) continue;
    throw new RangeError(
      `${name} should be integers of 32 bits, got ${shown(value)} at ${i}`,
    );
  }
  return values;
}

/** Throws unless a value can be a list of numbers, in which case its elements are checked elsewhere. */
export function assertNumbers(name: string, values: ArrayLike<number>): void {
  const given: unknown = values;
  if (
    typeof given === "object" && Number.isInteger(Object(given).length)
  ) return;
  throw new TypeError(
    `${name} should be an array of numbers, got ${shown(given)}`,
  );
}
