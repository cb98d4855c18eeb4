/** Examples, each of which can be had by its place. */
export interface Dataset<E> {
  /** How many there are. */
  readonly size: number;
  /** The example at a place from 0 to below `size`; the same each time. */
  get(index: number): E | Promise<E>;
}

/** A dataset that need not be waited for. */
export interface Examples<E> extends Dataset<E> {
  /** The example at a place from 0 to below `size`; the same each time. */
  get(index: number): E;
}

/**
 * A list as a dataset.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { datasetOf } from "@lionjs/lion/data";
 *
 * const letters = datasetOf(["a", "b", "c"]);
 * assertEquals(letters.size, 3);
 * assertEquals(letters.get(1), "b");
 * ```
 *
 * @param examples The list.
 * @returns The dataset.
 * @throws {RangeError} By `get`, if there is no such place.
 */
export function datasetOf<E>(examples: readonly E[]): Examples<E> {
  return {
    size: examples.length,
    get(index) {
      assertPlace(index, examples.length);
      return examples[index]!;
    },
  };
}

/** Throws unless a dataset of that size has that place. */
export function assertPlace(index: number, size: number): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return;
  throw new RangeError(
    `index should be an integer from 0 to below ${size}, got ${index}`,
  );
}
