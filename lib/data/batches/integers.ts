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
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if ((value | 0) === value) continue;
    throw new RangeError(
      `${name} should be integers of 32 bits, got ${value} at ${i}`,
    );
  }
  return values;
}
