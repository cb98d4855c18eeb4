// Functions of each element, and their gradients: GELU, x Φ(x); log decays of logits,
// log σ(x); and log decays limited to finite ones.
import {
  elementwise as job, finiteDecay, GELU, LOG_SIGMOID, queue,
} from "../jobs";
import * as loops from "../math/loops";
import { partsAtOnce } from "../runtime/parts";

/** Elements a task. */
const BLOCK = 4096;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK), isForward = job.dy === 0;
  const x = job.x + offset, y = job.y + offset, dy = job.dy + offset;
  switch (queue.operation) {
    case GELU:
      if (isForward) loops.gelu(count, x, y);
      else loops.geluGradient(count, x, dy, y);
      break;
    case LOG_SIGMOID:
      if (isForward) loops.logSigmoid(count, x, y);
      else loops.logSigmoidGradient(count, x, dy, y);
      break;
    default:
      if (isForward) loops.raise(count, finiteDecay.lowest, x, y);
      else loops.raiseGradient(count, finiteDecay.lowest, x, dy, y);
  }
}
