import type { Values } from "./host_kernel.ts";

/**
 * Adds up the rows of each segment; as in TensorFlow, ids out of range are
 * dropped.
 *
 * @param sums Zeros, to which rows are added.
 * @param rows As many rows as there are ids.
 * @param ids The segment of each row.
 * @param count The number of segments.
 */
export function addSegments(
  sums: Values,
  rows: Values,
  ids: Values,
  count: number,
): void {
  const size = sums.length / count;
  ids.forEach((id, row) => {
    if (id < 0 || id >= count) return;
    for (let i = 0; i < size; i++) {
      sums[id * size + i]! += rows[row * size + i]!;
    }
  });
}
