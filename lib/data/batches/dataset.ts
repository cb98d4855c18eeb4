/** Datasets: examples by index, and checks of them. @module */
import { assertInteger, assertList, shown } from "@lionjs/base";

/** Examples that are accessed by index. */
export interface Dataset<E> {
  /** Number of examples. */
  readonly size: number;
  /**
   * Returns the example at an index from 0 to below `size`; always the same
   * one.
   */
  get(index: number): E | Promise<E>;
}

/** A dataset with synchronous access. */
export interface Examples<E> extends Dataset<E> {
  /**
   * Returns the example at an index from 0 to below `size`; always the same
   * one.
   */
  get(index: number): E;
}

/**
 * Makes a dataset from a list.
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
 * @throws {TypeError} If `examples` is not a list.
 * @throws {RangeError} From `get`, if the index is out of range.
 */
export function datasetOf<E>(examples: readonly E[]): Examples<E> {
  assertList("datasetOf's examples", examples);
  return {
    size: examples.length,
    get(index) {
      assertPlace(index, examples.length);
      return examples[index]!;
    },
  };
}

/** Throws unless the examples of a batch are an array of one or more. */
export function assertExamples(examples: readonly unknown[]): void {
  assertList("a batch's examples", examples);
  if (examples.length > 0) return;
  throw new RangeError("a batch's examples should be one or more, got none");
}

/** Throws unless a value has the size and the method of a dataset. */
export function assertDataset(
  name: string,
  dataset: Dataset<unknown>,
): void {
  const { size, get } = Object(dataset) as Dataset<unknown>;
  if (typeof get !== "function") {
    throw new TypeError(
      `${name} should be a dataset { size, get(index) }, such as datasetOf makes of an array, got ${
        shown(dataset)
      }`,
    );
  }
  assertInteger(`${name}.size`, size, 0);
}

/** Throws unless an index is within a dataset of `size` examples. */
export function assertPlace(index: number, size: number): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return;
  throw new RangeError(
    `index should be an integer from 0 to below ${size}, got ${shown(index)}`,
  );
}
