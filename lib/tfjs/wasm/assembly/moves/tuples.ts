// Tuples of indices that name rows.
import { queue } from "../runtime/queue";

/** The row that a tuple names, or -1 if there is no such row. */
// @ts-ignore: decorator
@inline
export function rowOf(tuple: usize, depth: i32, rows: i32): i32 {
  if (depth === 1) {
    const index = load<i32>(tuple);
    return <u32> index < <u32> rows ? index : -1;
  }
  let row = 0;
  // The rows that the current axis spans: as many as an index of the axis before is worth.
  let all: i64 = rows;
  for (let axis = 0; axis < depth; axis++) {
    const at = <usize> axis << 2;
    const each = load<i32>(queue.extra + at);
    const first = <i64> load<i32>(tuple + at) * each;
    if (first < 0 || first >= all) return -1;
    row += <i32> first;
    all = each;
  }
  return row < rows ? row : -1;
}
