/**
 * Converts a value to JSON: typed arrays become arrays, and numbers that are
 * not finite become `null`, which plotly.js draws as a gap.
 */
export function toJSON(value: unknown): unknown {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : null;
    case "bigint":
      return Number(value);
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(toJSON);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<number>, toJSON);
  }
  if (value instanceof Date) return value.toJSON();
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined && typeof part !== "function")
      .map(([key, part]) => [key, toJSON(part)]),
  );
}
