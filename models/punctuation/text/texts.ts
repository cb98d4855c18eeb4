/** The check of texts that a user gives. @module */

/** @throws {TypeError} If the texts are not an array of strings. */
export function assertTexts(caller: string, texts: unknown): void {
  const isList = Array.isArray(texts);
  const wrong = isList
    ? [...texts].findIndex((text) => typeof text !== "string")
    : -1;
  if (isList && wrong < 0) return;
  throw new TypeError(
    `${caller}'s texts should be an array of strings, got ${
      isList
        ? `an array with ${kindOf(texts[wrong])} at ${wrong}`
        : kindOf(texts)
    }; a single text is [text]`,
  );
}

/** A value as messages name it. */
function kindOf(value: unknown): string {
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? "a string" : String(value);
}
