// Dropout, given its random numbers; its gradient is the same.
import { dropout as job } from "../jobs";
import { dropout } from "../math/loops";
import { partsAtOnce } from "../runtime/parts";

/** Elements a task. */
const BLOCK = 8192;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK);
  dropout(count, job.keep, job.x + offset, job.uniform + offset, job.y + offset);
}
