// A step of an optimizer, of many weights at once.
import { update as job } from "../jobs";
import { queue } from "../runtime/queue";
import { apply } from "../math/rules";

/** Numbers of a weight that are one task; the host divides weights so. */
const BLOCK = 8192;

/** A weight, as the host describes it in the extra memory. */
@unmanaged class Weight {
  firstTask: i32; size: i32;
  value: usize; gradient: usize; state0: usize; state1: usize; state2: usize;
}

function weightAt(i: i32): Weight {
  return changetype<Weight>(queue.extra + <usize> i * offsetof<Weight>());
}

export function extraBytes(): usize {
  return <usize> job.weights * offsetof<Weight>();
}

export function tasks(phase: i32): i32 {
  return phase === 0 ? 0 : job.tasks;
}

/** The number of the weight that a task belongs to, the last that begins no later. */
function weightOf(task: i32): i32 {
  let first = 0, last = job.weights - 1;
  while (first < last) {
    const middle = (first + last + 1) >> 1;
    if (weightAt(middle).firstTask <= task) first = middle;
    else last = middle - 1;
  }
  return first;
}

export function perform(_phase: i32, task: i32): void {
  const weight = weightAt(weightOf(task));
  const start = (task - weight.firstTask) * BLOCK, at = <usize> start << 2;
  apply(
    min(BLOCK, weight.size - start), weight.value + at, weight.gradient + at,
    weight.state0 + at, weight.state1 + at, weight.state2 + at
  );
}
