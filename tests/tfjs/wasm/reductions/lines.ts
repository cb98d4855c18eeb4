/** Tensors, line by line, for truths of reductions. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The numbers that each result of a reduction over some axes is of, in order. */
export function linesOf(
  values: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
): number[][] {
  const kept = shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const lines = Array.from(
    { length: tf.util.sizeFromShape(kept) },
    (): number[] => [],
  );
  const strides = kept.map((size, axis) =>
    size === 1 ? 0 : tf.util.sizeFromShape(kept.slice(axis + 1))
  );
  const place = shape.map(() => 0);
  let line = 0;
  for (let i = 0; i < values.length; i++) {
    lines[line]!.push(values[i]!);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      line += strides[axis]!;
      if (++place[axis]! < shape[axis]!) break;
      line -= strides[axis]! * shape[axis]!;
      place[axis] = 0;
    }
  }
  return lines;
}

/** All sets of axes of a tensor. */
export function axisSets(rank: number): number[][] {
  return Array.from(
    { length: 2 ** rank },
    (_, set) => [...Array(rank).keys()].filter((axis) => set >> axis & 1),
  );
}
