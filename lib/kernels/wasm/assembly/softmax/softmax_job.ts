// Softmax attention as a job: the tasks of both passes.
import { softmax as job } from "../jobs";
import { queryBlocks } from "./softmax";
import * as softmaxBackward from "./softmax_backward";
import { attendSoftmax, layoutSoftmaxForward } from "./softmax_forward";

function isForward(): bool {
  return job.dy === 0;
}

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  return isForward()
    ? layoutSoftmaxForward(base)
    : softmaxBackward.layoutSoftmaxBackward(base);
}

/** Bytes of memory that all threads share. */
export function extraBytes(): usize {
  return isForward() ? 0 : softmaxBackward.softmaxBackwardExtra();
}

export function tasks(phase: i32): i32 {
  if (isForward()) return phase === 0 ? job.sequences * queryBlocks() : 0;
  const isLast = job.parts === 1 && job.f === 0;
  return phase === 0 || !isLast ? job.sequences * job.parts : 0;
}

export function perform(phase: i32, task: i32): void {
  if (isForward()) attendSoftmax(task);
  else if (phase === 0) softmaxBackward.differentiateSoftmax(task);
  else softmaxBackward.addPartsOfGradients(task);
}
