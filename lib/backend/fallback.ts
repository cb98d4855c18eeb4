/** Says why something better is not used: once, with its cause. @module */

/** What this machine does not have, which is nobody's mistake. */
export class Unavailable extends Error {}

const warned = new Set<string>();

/** Warns on the console, once per reason. */
export function warnOnce(reason: string, cause: unknown): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  // Where in our source it was found missing helps nobody.
  console.warn(reason, ...(cause instanceof Unavailable ? [] : [cause]));
}

/** What an exception says, whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
