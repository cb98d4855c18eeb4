// GELU, x Φ(x), and its gradient.
import { elementwise as job } from "../jobs";
import { gelu, geluGradient } from "../math/loops";

/** Elements a task. */
const BLOCK = 4096;

export function geluTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.size + BLOCK - 1) / BLOCK;
}

export function geluTask(task: i32): void {
  const first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK);
  const x = job.x + offset, y = job.y + offset;
  if (job.dy === 0) gelu(count, x, y);
  else geluGradient(count, x, job.dy + offset, y);
}
