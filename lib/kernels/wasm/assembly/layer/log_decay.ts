// Log decays: of logits, log σ(x), and limited to finite ones; and their gradients.
import { elementwise, finiteDecay } from "../jobs";
import {
  logSigmoid, logSigmoidGradient, raise, raiseGradient,
} from "../math/loops";

/** Elements a task. */
const BLOCK = 4096;

function tasks(size: i32, phase: i32): i32 {
  return phase === 0 ? 0 : (size + BLOCK - 1) / BLOCK;
}

export function logSigmoidTasks(phase: i32): i32 {
  return tasks(elementwise.size, phase);
}

export function logSigmoidTask(task: i32): void {
  const job = elementwise, first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK);
  const x = job.x + offset, y = job.y + offset;
  if (job.dy === 0) logSigmoid(count, x, y);
  else logSigmoidGradient(count, x, job.dy + offset, y);
}

export function finiteDecayTasks(phase: i32): i32 {
  return tasks(finiteDecay.size, phase);
}

export function finiteDecayTask(task: i32): void {
  const job = finiteDecay, first = task * BLOCK, offset = <usize> first << 2;
  const count = min(job.size - first, BLOCK);
  const x = job.x + offset, y = job.y + offset;
  if (job.dy === 0) raise(count, job.lowest, x, y);
  else raiseGradient(count, job.lowest, x, job.dy + offset, y);
}
