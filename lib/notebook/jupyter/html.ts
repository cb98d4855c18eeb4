export function escapeHTML(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;");
}

/**
 * A copy of data in which each string is changed, names of properties too. Applied at
 * the root of data, so that no string in it can be missed.
 */
export function mapTexts<T>(data: T, change: (text: string) => string): T;
export function mapTexts(
  data: unknown,
  change: (text: string) => string,
): unknown {
  if (typeof data === "string") return change(data);
  if (Array.isArray(data)) return data.map((part) => mapTexts(part, change));
  if (!isPlain(data)) return data;
  return Object.fromEntries(
    Object.entries(data).map((
      [name, part],
    ) => [change(name), mapTexts(part, change)]),
  );
}

/** Whether data is a plain object, not an instance of a class such as a typed array. */
function isPlain(data: unknown): data is object {
  return typeof data === "object" && data !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(data));
}
