/** Throws a TypeError unless a value is a string. */
export function assertText(name: string, text: string): void {
  if (typeof text === "string") return;
  const given: unknown = text;
  throw new TypeError(
    `${name} should be a string, got ${given === null ? "null" : typeof given}`,
  );
}
