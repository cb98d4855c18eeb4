import { assertFinite } from "../../contract/values.ts";

/** Throws unless a value is a share or a probability, from 0 to 1. */
export function assertShare(name: string, value: number): void {
  assertFinite(name, value);
  if (value >= 0 && value <= 1) return;
  throw new RangeError(`${name} should be from 0 to 1, got ${value}`);
}
