// The chunkwise form as a job: the tasks of both passes. The first phase summarizes
// each split of a sequence, the second attends. `../jobs` declares the jobs' records: it
// is made of lib/kernels/wasm/jobs.ts while tools/kernels/build.ts builds.
import { attention as job, CHUNKWISE_FORWARD } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import { attendBackward, layoutBackward } from "./chunkwise_backward";
import * as forward from "./chunkwise_forward";
import { backwardRecordBytes, summarizeBackward } from "./chunkwise_states";
import * as sizes from "./sizes";

function isForward(): bool {
  return queue.operation === CHUNKWISE_FORWARD;
}

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  sizes.readAttention();
  return isForward()
    ? sizes.layout(base, sizes.causal ? 0 : 1, false)
    : layoutBackward(base);
}

/** Bytes of the records of all splits. */
export function extraBytes(): usize {
  const bytes = isForward()
    ? forward.forwardRecordBytes()
    : backwardRecordBytes();
  return job.sequences * job.splits * bytes;
}

export function tasks(phase: i32): i32 {
  // A split that is a whole sequence needs no summaries of others.
  if (phase === 0 && sizes.splits === 1 && sizes.decays) return 0;
  return job.sequences / sizes.groupSize * sizes.splits;
}

/**
 * Does a split of all sequences of a group, one after the other, which add to the
 * same dq and dk.
 */
export function perform(phase: i32, task: i32): void {
  const split = task % sizes.splits;
  const first = task / sizes.splits * sizes.groupSize;
  for (let i = first; i < first + sizes.groupSize; i++) {
    if (phase === 0) {
      if (isForward()) forward.summarizeForward(i, split);
      else summarizeBackward(i, split);
    } else if (isForward()) forward.attendForward(i, split);
    else attendBackward(i, split);
  }
}
