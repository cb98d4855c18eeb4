/** Warnings that are given once. @module */

const given = new Set<string>();

/**
 * Warns on the console, unless it has warned of the same before.
 *
 * @param of What it warns of.
 * @param message The warning.
 */
export function warnOnce(of: string, message: string): void {
  if (given.has(of)) return;
  given.add(of);
  console.warn(message);
}
