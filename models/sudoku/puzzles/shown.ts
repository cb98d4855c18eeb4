/** Values in messages. @module */

/** A value as a message shows it, cut where it is long. */
export function shown(value: unknown): string {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : Object(value) === value
    ? Object.prototype.toString.call(value)
    : String(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
