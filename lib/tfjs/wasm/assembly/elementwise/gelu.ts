// GELU of each element, and its gradient if there is a dy.
import { gelu as job } from "../jobs";
import { gelu, geluGradient } from "../math/gelu";
import { partsAtOnce } from "../runtime/parts";

/** Elements of a task. */
const BLOCK = 4096;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK);
  const x = job.x + offset, y = job.y + offset;
  if (job.dy === 0) gelu(count, x, y);
  else geluGradient(count, x, job.dy + offset, y);
}
