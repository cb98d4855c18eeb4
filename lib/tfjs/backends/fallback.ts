/**
 * Warnings that something better is not used, each given once with its cause.
 *
 * @module
 */

import { messageOf, warnOnce } from "@lionjs/base";
import { NotAllowed } from "../wasm/wasm_file.ts";

/** Says that this machine lacks something, such as a GPU, which is not a failure. */
export class Unavailable extends Error {}

/** Whether the message says everything, so that no stack trace has to follow. */
function isWhole(cause: unknown): boolean {
  return cause instanceof Unavailable || cause instanceof NotAllowed;
}

/** Warns once per reason why something better is not used. */
export function warnOfFallback(reason: string, cause: unknown): void {
  // A mere lack is given without its cause: the place in our source does not help.
  warnOnce(reason, reason, ...(isWhole(cause) ? [] : [cause]));
}

/**
 * Warns that there are fewer threads than asked for; unasked, not where threads are
 * unavailable.
 */
export function warnOfShortage(
  shortage: unknown,
  threads: number | undefined,
): void {
  // Most pages are not cross-origin isolated.
  if (threads === undefined && shortage instanceof Unavailable) return;
  warnOfFallback(
    `The wasm backend computes with fewer threads: ${messageOf(shortage)}`,
    shortage,
  );
}
