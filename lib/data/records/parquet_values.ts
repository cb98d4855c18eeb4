/**
 * A value of a Parquet file with numbers for its bigints.
 *
 * @param value The value; lists and structs are changed in place.
 * @throws {RangeError} If an integer is beyond 2^53, so that a number would be
 * another one.
 */
export function withoutBigints(value: unknown, where: () => string): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new RangeError(
      `${where()} should be within 2^53, got ${value}; leave the column out`,
    );
  }
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) {
    return Array.from(value, (item) => withoutBigints(item, where));
  }
  if (
    value === null || typeof value !== "object" || ArrayBuffer.isView(value) ||
    value instanceof Date
  ) return value;
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) {
    parts[key] = withoutBigints(parts[key], where);
  }
  return value;
}

/** A value of a row, which its owner may change: rows that are kept stay as they are. */
export function copied<T>(value: T): T;
export function copied(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  // A view is not cloned by structuredClone, which would copy its whole buffer.
  if (value instanceof DataView) return value;
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).slice();
  if (value instanceof Date) return new Date(value);
  if (Array.isArray(value)) return value.map(copied);
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, copied(part)]),
  );
}
