/** How reductions see a tensor. @module */
import { util } from "@tensorflow/tfjs-core";

/** A tensor as [outer, reduced, inner], of which the one between is reduced. */
export interface View {
  /** The size before the reduced axes. */
  readonly outer: number;
  /** The size of the reduced axes. */
  readonly reduced: number;
  /** The size behind them. */
  readonly inner: number;
}

/**
 * The axes that an operation is given, from 0 on: all, if it is given none. Like
 * tfjs's own, which takes longer than to reduce a small tensor.
 */
export function axesOf(
  axis: number | number[] | null | undefined,
  shape: number[],
): number[] {
  const rank = shape.length;
  return typeof axis === "number" && Number.isInteger(axis) &&
      axis >= -rank && axis < rank
    ? [axis < 0 ? axis + rank : axis]
    : util.parseAxisParam(axis as number | number[], shape);
}

/**
 * A tensor's view for a reduction over some axes; `undefined` if the tensor must be
 * transposed first, as other axes are between them.
 */
export function viewOf(
  shape: readonly number[],
  axes: readonly number[],
): View | undefined {
  let outer = 1, reduced = 1, inner = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    if (size === 1) continue;
    if (!axes.includes(axis)) {
      if (reduced === 1) outer *= size;
      else inner *= size;
    } else if (inner === 1) reduced *= size;
    else return undefined;
  }
  // Where nothing is reduced, all is one row, which is faster than rows of one.
  return reduced === 1
    ? { outer: 1, reduced, inner: outer }
    : { outer, reduced, inner };
}

/** A tensor's view along one axis. */
export function alongAxis(shape: readonly number[], axis: number): View {
  let outer = 1, inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i]!;
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i]!;
  return { outer, reduced: shape[axis]!, inner };
}
