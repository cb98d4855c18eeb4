// The sum of the rows of a matrix.
import { columnSum as job } from "../jobs";
import { loadFirst, storeFirst } from "./simd";
import { partsAtOnce } from "../runtime/parts";

/** Columns a task. */
const BLOCK = 64;

/** Rows that are added up in float32, before their sum goes to one in float64. */
const ROWS = 32;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.columns, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const width = <usize> job.columns << 2;
  const end = min(job.columns, (task + 1) * BLOCK);
  for (let column = task * BLOCK; column < end; column += 4) {
    const count = end - column;
    let x = job.x + (<usize> column << 2);
    let low = f64x2.splat(0), high = f64x2.splat(0);
    for (let row = 0; row < job.rows;) {
      const last = min(job.rows, row + ROWS);
      let sum = f32x4.splat(0);
      for (; row < last; row++) {
        sum = f32x4.add(sum, loadFirst(x, count));
        x += width;
      }
      low = f64x2.add(low, f64x2.promote_low_f32x4(sum));
      const upper = i32x4.shuffle(sum, sum, 2, 3, 0, 1);
      high = f64x2.add(high, f64x2.promote_low_f32x4(upper));
    }
    const sums = i32x4.shuffle(
      f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5
    );
    storeFirst(job.y + (<usize> column << 2), sums, count);
  }
}
