/** Checks of the options by which a backend is opened. @module */
import { assertOneOf, assertThreads, shown } from "@lionjs/base";
import type { OpenOptions } from "./opened_backend.ts";

/**
 * Checks the values of options.
 *
 * @throws {TypeError} If one is of the wrong type.
 * @throws {RangeError} If a value is unknown.
 */
export function assertOpenOptions(
  { powerPreference, threads, wasmPath }: OpenOptions,
): void {
  if (threads !== undefined) assertThreads("threads", threads);
  if (powerPreference !== undefined) {
    const known = ["low-power", "high-performance"] as const;
    assertOneOf("powerPreference", powerPreference, known);
  }
  if (
    wasmPath !== undefined && typeof wasmPath !== "string" &&
    !(wasmPath as unknown instanceof URL)
  ) {
    throw new TypeError(
      `wasmPath should be a path or a URL, got ${shown(wasmPath)}`,
    );
  }
}
