// Transitions of rank one as a job: the tasks of both passes.
import { transition as job } from "../jobs";
import * as transition from "./transition";
import { differentiateSweeps, layoutBackward } from "./transition_backward";
import { attendSweep, layoutForward } from "./transition_forward";

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  return job.dy === 0 ? layoutForward(base) : layoutBackward(base);
}

/** Bytes of the states that sweeps keep between the phases. */
export function extraBytes(): usize {
  return <usize> (job.sequences * transition.sweepsOfSequence()) *
    transition.transitionStateBytes;
}

export function tasks(phase: i32): i32 {
  if (phase === 1 && !transition.meetInMiddle) return 0;
  return job.sequences *
    (job.whole !== 0 ? 1 : transition.sweepsOfSequence());
}

export function perform(phase: i32, task: i32): void {
  if (job.dy === 0) attendSweep(task, phase);
  else differentiateSweeps(task, phase);
}
