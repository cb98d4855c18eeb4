import { shown } from "../../contract/shown.ts";

/** Throws a TypeError unless a value is a string. */
export function assertText(name: string, text: string): void {
  if (typeof text === "string") return;
  throw new TypeError(`${name} should be a string, got ${shown(text)}`);
}
