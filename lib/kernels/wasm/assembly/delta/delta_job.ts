// The delta rule as a job: the tasks of both passes.
import { delta as job } from "../jobs";
import * as delta from "./delta";
import { differentiateDelta, layoutDeltaBackward } from "./delta_backward";
import { attendDelta, layoutDeltaForward } from "./delta_forward";

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  return job.dy === 0 ? layoutDeltaForward(base) : layoutDeltaBackward(base);
}

/** Bytes of the states that sweeps keep between the phases. */
export function extraBytes(): usize {
  return <usize> (job.sequences * delta.sweepsOfSequence()) *
    delta.deltaStateBytes;
}

export function tasks(phase: i32): i32 {
  if (phase === 1 && !delta.meetInMiddle) return 0;
  return job.sequences * (job.whole !== 0 ? 1 : delta.sweepsOfSequence());
}

export function perform(phase: i32, task: i32): void {
  if (job.dy === 0) attendDelta(task, phase);
  else differentiateDelta(task, phase);
}
