/** Warnings that are given once. @module */

const given = new Set<string>();

/** Warns on the console, unless it has warned of the same before. */
export function warnOnce(of: string, ...texts: readonly unknown[]): void {
  if (given.has(of)) return;
  given.add(of);
  console.warn(...texts);
}
