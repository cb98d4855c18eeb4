/** The places of elements in arrays that are broadcast. @module */
import type { Axes } from "../../broadcast_axes.ts";
import type { PackWidth, Program, Vector } from "../program.ts";

/**
 * What a program needs for `PLACES_OF`. The text depends on which arrays are repeated and on
 * how many axes there are, which are few since neighbours are merged; it depends on no size.
 *
 * @param axes The axes of both arrays.
 * @param widths The numbers of an element of each. Where it is 4 for one of them, four
 * numbers along the innermost axis are an element of the result, and the other array is
 * repeated along that axis or has such elements too.
 */
export function placesIn(
  { size, sizes, columns, strides }: Axes,
  widths: readonly [PackWidth, PackWidth] = [1, 1],
): Required<Pick<Program, "vectors" | "constants">> {
  const innermost = sizes.length;
  const all = [...sizes, columns];
  // Where all axes have one element, there are no strides.
  const strideOf = (array: 0 | 1, axis: number) => strides[array]![axis] ?? 0;
  const inElements = (array: 0 | 1, axis: number) =>
    strideOf(array, axis) / (axis < innermost ? widths[array] : 1);
  const countOf = (array: 0 | 1) =>
    all.reduce((n, size, axis) => strideOf(array, axis) ? n * size : n, 1);
  const [countA, countB] = [countOf(0), countOf(1)];
  return {
    vectors: {
      axes: all.map((size, axis): Vector => [
        axis < innermost ? size : size / Math.max(...widths),
        ...[inElements(0, axis), inElements(1, axis)] as const,
        0,
      ]).reverse(),
    },
    constants: {
      INNER: innermost,
      A_IS_WHOLE: countA === size,
      B_IS_WHOLE: countB === size,
      A_IS_SINGLE: countA < size && countA === 1,
      B_IS_SINGLE: countB < size && countB === 1,
    },
  };
}
