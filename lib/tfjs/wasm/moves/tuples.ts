/** Tuples of indices that name rows. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { addressOf } from "../address.ts";
import type { Running } from "../outputs.ts";

/** The rows of a tensor that tuples of indices name. */
export interface Tuples {
  /** The indices, tuple after tuple. */
  readonly indices: tf.TensorInfo;
  /** How many tuples there are, and indices in each. */
  readonly count: number;
  readonly depth: number;
  /** How many rows each index of a tuple is worth. */
  readonly strides: readonly number[];
  /** How many rows there are. */
  readonly rows: number;
}

/**
 * Whether JavaScript copies rows faster than a job does.
 *
 * @param others Other elements that are written.
 */
export function areFew(
  rows: number,
  size: number,
  depth: number,
  others = 0,
): boolean {
  return others + rows * (size + 4 * depth) <= FEW;
}

/** Number of elements, with as much as following an index costs, in the time of a job. */
const FEW = 2048;

/** The rows that tuples name, which may not be there. */
export function rowsOf(
  indices: Int32Array,
  { count, depth, strides }: Tuples,
): Int32Array | number[] {
  if (depth === 1 && strides[0] === 1) return indices;
  const rows = new Array<number>(count);
  for (let place = 0, at = 0; place < count; place++) {
    let row = 0;
    for (let axis = 0; axis < depth; axis++) {
      row += indices[at++]! * strides[axis]!;
    }
    rows[place] = row;
  }
  return rows;
}

/** Number of tuples up to which JavaScript checks them first. */
const FEW_TUPLES = 128;

/**
 * Runs a job that follows tuples, and checks them: few of them before it, many where
 * the job notes that one names nothing.
 *
 * @param run Runs the job, given the address of the integer that then becomes 1, or 0
 * if there is none.
 * @param assertAll Throws if a tuple names nothing.
 */
export function runChecked(
  { wasm, make }: Running,
  { indices, count }: Tuples,
  run: (wrong: number) => void,
  assertAll: (indices: Int32Array) => void,
): void {
  const check = () => assertAll(wasm.typedArrayFromHeap(indices) as Int32Array);
  if (count <= FEW_TUPLES) {
    check();
    run(0);
    return;
  }
  const wrong = make([1], "int32");
  wasm.typedArrayFromHeap(wrong).fill(0);
  run(addressOf(wasm, wrong));
  const [noted] = wasm.typedArrayFromHeap(wrong);
  wasm.disposeData(wrong.dataId);
  if (noted !== 0) check();
}
