// Tuples of indices that name rows.
import { queue } from "../jobs";

/** The row that a tuple names, or -1 if there are not so many. */
// @ts-ignore: decorator
@inline
export function rowOf(tuple: usize, depth: i32, rows: i32): i32 {
  if (depth === 1) {
    const index = load<i32>(tuple);
    return <u32> index < <u32> rows ? index : -1;
  }
  let row: i64 = 0;
  for (let axis = 0; axis < depth; axis++) {
    const at = <usize> axis << 2;
    row += <i64> load<i32>(tuple + at) * load<i32>(queue.extra + at);
  }
  return <u64> row < <u64> rows ? <i32> row : -1;
}
