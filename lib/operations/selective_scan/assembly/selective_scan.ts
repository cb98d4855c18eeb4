// The selective scan as a job: the tasks of both passes.
import { selectiveScan as job } from "./records";
import { blocks } from "./scan";
import * as backward from "./scan_backward";
import { layoutScanForward, scanForward } from "./scan_forward";

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  return job.dy === 0
    ? layoutScanForward(base)
    : backward.layoutScanBackward(base);
}

export function extraBytes(): usize {
  return job.dy === 0 ? 0 : backward.scanExtra();
}

export function tasks(phase: i32): i32 {
  if (phase === 0) return job.batch * blocks();
  return job.dy === 0 ? 0 : job.batch + 1;
}

export function perform(phase: i32, task: i32): void {
  if (job.dy === 0) scanForward(task);
  else if (phase === 0) backward.scanBackward(task);
  else backward.scanSums(task);
}
