/**
 * Warnings that something better is not used, each given once with its cause.
 *
 * @module
 */

/** Something that this machine does not have, which is not an error. */
export class Unavailable extends Error {}

const warned = new Set<string>();

/** Warns on the console, once per reason. */
export function warnOnce(reason: string, cause: unknown): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  // The place in our source where it was missed does not help.
  console.warn(reason, ...(cause instanceof Unavailable ? [] : [cause]));
}

/** The message of whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
