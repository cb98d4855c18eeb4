import { assertAllocatable, assertPositiveInteger } from "../base/values.ts";
import { shown } from "../base/shown.ts";
import { UNKNOWN } from "./degree.ts";
import { PRIME } from "./field.ts";
import { Matrix } from "./matrix.ts";

/** Makes a matrix of unknowns: random numbers, uniform from 0 to below 2⁶¹ − 1. */
export type Draw = (rows: number, columns: number) => Matrix;

/**
 * Makes a source of random matrices, the same for the same seed.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { drawer } from "@lionjs/lion/proof";
 *
 * const [draw, again] = [drawer(1), drawer(1)];
 * assert(draw(2, 3).equals(again(2, 3)));
 * assert(!draw(2, 3).equals(drawer(2)(2, 3)));
 * ```
 *
 * @param seed An integer.
 */
export function drawer(seed: number): Draw {
  if (!Number.isInteger(seed)) {
    throw new RangeError(`seed should be an integer, got ${shown(seed)}`);
  }
  const next = splitMix64(BigInt(seed));
  const uniform = (): bigint => {
    const bits = next() & PRIME; // the lowest 61 bits
    return bits === PRIME ? uniform() : bits;
  };
  return (rows, columns) => {
    assertPositiveInteger("rows", rows);
    assertPositiveInteger("columns", columns);
    assertAllocatable({ rows, columns });
    return new Matrix(
      [rows, columns],
      Array.from({ length: rows * columns }, uniform),
      UNKNOWN,
    );
  };
}

/** The generator SplitMix64. Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". */
function splitMix64(seed: bigint): () => bigint {
  const word = (x: bigint) => BigInt.asUintN(64, x);
  let state = word(seed);
  return () => {
    state = word(state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = word((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = word((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}
