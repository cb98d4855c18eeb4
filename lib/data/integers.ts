/** The largest int32. */
export const LARGEST_INTEGER = 2 ** 31 - 1;

/**
 * Integers as they are: an array of int32 would make 0 of NaN and 1 of 1.5.
 *
 * @throws {RangeError} If one is no int32.
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
