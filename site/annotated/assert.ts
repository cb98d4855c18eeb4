/** In the page, what the annotated notebook uses of `@std/assert`, which needs Node. @module */

/** Throws unless a number is below another. */
export function assertLess(actual: number, limit: number): void {
  if (actual < limit) return;
  throw new Error(`expected ${actual} to be less than ${limit}`);
}
