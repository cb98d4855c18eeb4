/** A tensor as reductions see it: outer results, reduced elements, inner results. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { callKernel } from "../../kernel_call.ts";

/**
 * A tensor as [repeats, outer, reduced, inner], of which repeats and what is between
 * outer and inner are reduced.
 */
export interface View {
  /** The size of the first reduced axes, where others are between them and the last. */
  readonly repeats: number;
  /** The size before the last reduced axes. */
  readonly outer: number;
  /** The size of the last reduced axes. */
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
    : tf.util.parseAxisParam(axis as number | number[], shape);
}

/** Elements that are reduced at once, below which to transpose first is faster. */
const LEAST_REPEATED = 32;

/**
 * A tensor's view for a reduction over some axes; `undefined` if the tensor must be
 * transposed first.
 */
function viewOf(
  shape: readonly number[],
  axes: readonly number[],
): View | undefined {
  let repeats = 1, outer = 1, reduced = 1, inner = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    if (size === 1) continue;
    if (!axes.includes(axis)) {
      if (reduced === 1) outer *= size;
      else inner *= size;
    } else if (inner === 1) reduced *= size;
    else if (repeats === 1 && outer === 1) {
      repeats = reduced;
      outer = inner;
      reduced = size;
      inner = 1;
    } else return undefined;
  }
  if (repeats > 1 && reduced * inner < LEAST_REPEATED) return undefined;
  // Where nothing is reduced, all is one row, which is faster than rows of one.
  return reduced === 1
    ? { repeats, outer: 1, reduced, inner: outer }
    : { repeats, outer, reduced, inner };
}

/** Reduces a tensor over some axes; where it must be, transposed to rows. */
export function withView(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  axes: readonly number[],
  reduce: (x: tf.TensorInfo, view: View) => void,
): void {
  const view = viewOf(x.shape, axes);
  if (view) return reduce(x, view);
  const all = [...x.shape.keys()];
  const kept = all.filter((axis) => !axes.includes(axis));
  const last = all.filter((axis) => axes.includes(axis));
  const perm = [...kept, ...last];
  const rows = callKernel("wasm", "Transpose", wasm, { x }, { perm });
  const sizeOf = (axes: readonly number[]) =>
    tf.util.sizeFromShape(axes.map((axis) => x.shape[axis]!));
  try {
    const outer = sizeOf(kept), reduced = sizeOf(last);
    reduce(rows, { repeats: 1, outer, reduced, inner: 1 });
  } finally {
    wasm.disposeData(rows.dataId);
  }
}

/** A tensor's view along one axis. */
export function alongAxis(
  shape: readonly number[],
  axis: number,
): Omit<View, "repeats"> {
  let outer = 1, inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i]!;
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i]!;
  return { outer, reduced: shape[axis]!, inner };
}
