/** JSON that is short, and whose differences can be read line by line. @module */

/** Characters of a line; a list of numbers may be longer. */
const WIDTH = 240;

/**
 * A value as JSON in which a list of numbers is one line, as is whatever fits in
 * one.
 *
 * @param digits Of a number that is no integer; by default as many as a float32 has.
 */
export function jsonRows(value: unknown, digits = 7): string {
  const text = JSON.stringify(value, (_, part) => {
    const isFraction = typeof part === "number" && !Number.isInteger(part);
    return isFraction ? Number(part.toPrecision(digits)) : part;
  });
  return `${rowsOf(JSON.parse(text), "")}\n`;
}

function rowsOf(value: unknown, indent: string): string {
  const line = JSON.stringify(value);
  if (line.length <= WIDTH || typeof value !== "object" || value === null) {
    return line;
  }
  const isList = Array.isArray(value);
  if (isList && value.every((part) => typeof part === "number")) return line;
  const inside = `${indent} `;
  const rows = Object.entries(value).map(([key, part]) =>
    `${inside}${isList ? "" : `${JSON.stringify(key)}: `}${
      rowsOf(part, inside)
    }`
  );
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${rows.join(",\n")}\n${indent}${close}`;
}
