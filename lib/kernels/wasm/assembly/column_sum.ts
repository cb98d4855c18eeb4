// The sum of the rows of a matrix.
import { columnSum as job } from "./jobs";
import { loadFirst, storeFirst } from "./simd";

/** Columns a task. */
const BLOCK = 64;

export function columnSumTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.columns + BLOCK - 1) / BLOCK;
}

export function columnSumTask(task: i32): void {
  const width = <usize> job.columns << 2;
  const end = min(job.columns, (task + 1) * BLOCK);
  for (let column = task * BLOCK; column < end; column += 4) {
    const count = end - column;
    let x = job.x + (<usize> column << 2), sum = f32x4.splat(0);
    for (let row = 0; row < job.rows; row++) {
      sum = f32x4.add(sum, loadFirst(x, count));
      x += width;
    }
    storeFirst(job.y + (<usize> column << 2), sum, count);
  }
}
