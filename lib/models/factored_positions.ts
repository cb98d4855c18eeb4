/** Initial vectors of positions that have several coordinates. @module */
import {
  assertAllocatable,
  assertFinite,
  assertList,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import { integers, normal, seeded } from "@lionjs/data/batches";
import * as tf from "@tensorflow/tfjs-core";
import { assertEmbeddingStd } from "../layers/options/option_values.ts";

/** Options of {@linkcode factoredPositions}. */
export interface FactoredPositionsOptions {
  /** Seed of the vectors. @default a new one each time */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<FactoredPositionsOptions>()("seed");

/**
 * Makes initial vectors of positions that have several coordinates, such as the
 * row, the column and the box of a Sudoku's cell: for each list of numbers, every
 * number has a vector, drawn from a normal distribution, and a position's is the
 * sum of those of its numbers. Positions of one group thus begin alike; training
 * then changes each freely.
 *
 * @example The positions of a grid of 2 × 3 cells, put into a model
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { factoredPositions, lionEncoder } from "@lionjs/lion";
 * import { loadPyTorchWeights } from "@lionjs/lion/io";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 5, maxLength: 6, dim: 8, depth: 1, numHeads: 2,
 *   variant: "lit", output: "tokens", numClasses: 5,
 * });
 * const rows = [0, 0, 0, 1, 1, 1], columns = [0, 1, 2, 0, 1, 2];
 * const table = factoredPositions([rows, columns], 0.5, 8);
 * assertEquals(table.shape, [6, 8]);
 * const name = "embeddings.position_embeddings.weight";
 * await loadPyTorchWeights(model, new Map([[name, table]]), { allowMissing: true });
 * table.dispose();
 * ```
 *
 * @param groups One list per coordinate, with the number of each position, integers
 * of 0 or more.
 * @param std The standard deviation of each vector's columns.
 * @param dim Columns of a vector.
 * @param options See {@linkcode FactoredPositionsOptions}.
 * @returns float32 `[length, dim]`, of the lists' length; the caller disposes of it.
 * @throws {TypeError} If an argument has the wrong type.
 * @throws {RangeError} If lists are empty or differ in length, hold other numbers,
 * or `std` or `dim` is invalid.
 */
export function factoredPositions(
  groups: readonly (readonly number[])[],
  std: number,
  dim: number,
  options: FactoredPositionsOptions = {},
): tf.Tensor2D {
  assertGroups(groups);
  assertEmbeddingStd(std, "std");
  assertPositiveInteger("dim", dim);
  assertOptions("factoredPositions", options, OPTIONS);
  const { seed = Math.random() } = options;
  assertFinite("seed", seed);
  const length = groups[0]!.length;
  assertAllocatable({ "the length of groups": length, dim });
  const random = seeded("factoredPositions", seed);
  const values = new Float64Array(length * dim);
  for (const group of groups) {
    const vectors = new Map<number, Float64Array>();
    // In the order of numbers, so that the same group has the same vector wherever it is.
    for (const number of [...new Set(group)].sort((a, b) => a - b)) {
      const vector = Float64Array.from({ length: dim }, () => normal(random));
      vectors.set(number, vector);
    }
    group.forEach((number, position) =>
      vectors.get(number)!.forEach((x, column) =>
        values[position * dim + column]! += std * x
      )
    );
  }
  return tf.tensor2d(Float32Array.from(values), [length, dim]);
}

function assertGroups(groups: readonly (readonly number[])[]): void {
  assertList("groups", groups);
  groups.forEach((group, i) => {
    assertList(`groups[${i}]`, group);
    integers(`groups[${i}]`, group);
  });
  const lengths = groups.map(({ length }) => length);
  const [length] = lengths;
  if (length && lengths.every((other) => other === length)) return;
  throw new RangeError(
    `groups should be one or more lists of one length, a number for each position, got ${
      lengths.length === 0 ? "none" : `lengths ${lengths.join(", ")}`
    }`,
  );
}
