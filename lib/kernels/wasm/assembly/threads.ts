// Jobs and the threads that share them. A job has two phases of tasks; every
// thread takes the next task that is left, and waits between the phases.
//
// The queue is in the shared memory; all threads run this same module on it.
import { layout, setSizes } from "./attention";
import {
  attendBackward,
  backwardRecordBytes,
  layoutBackward,
  summarizeBackward,
} from "./backward";
import { attendForward, forwardRecordBytes, summarizeForward } from "./forward";
import { attach, attention, matmul, now, Queue, queue } from "./jobs";
import { layoutMatmul, matmulTask, matmulTasks } from "./matmul";

export const FORWARD = 0;
export const BACKWARD = 1;
export const MATMUL = 2;
const STOP = -1;

function address(offset: usize): usize {
  return changetype<usize>(queue) + offset;
}

/** To be called now and then by every task. */
export function countProgress(): void {
  atomic.add<i32>(address(offsetof<Queue>("progress")), 1);
}

/** Points this thread to the queue. */
export function open(pointer: usize): void {
  attach(pointer);
}

/** Reads the job's sizes; returns the bytes of scratch that a thread needs. */
export function prepare(base: usize): usize {
  if (queue.operation === MATMUL) return layoutMatmul(base);
  setSizes(
    attention.length,
    attention.headDim,
    attention.valueDim,
    attention.chunkSize,
    attention.segments,
    attention.causal !== 0,
    attention.f !== 0,
  );
  return queue.operation === FORWARD
    ? layout(base, attention.causal !== 0 ? 0 : 1)
    : layoutBackward(base);
}

/** Bytes that all threads share beside their scratch; after {@link prepare}. */
export function extraBytes(): usize {
  if (queue.operation === MATMUL) return matmul.batch * 8;
  const records = attention.sequences * attention.segments;
  return records *
    (queue.operation === FORWARD
      ? forwardRecordBytes()
      : backwardRecordBytes());
}

function tasksOf(phase: i32): i32 {
  if (queue.operation === MATMUL) return phase === 0 ? 0 : matmulTasks();
  const alone = attention.segments === 1 && attention.f !== 0;
  return phase === 0 && alone ? 0 : attention.sequences * attention.segments;
}

function perform(phase: i32, task: i32): void {
  if (queue.operation === MATMUL) return matmulTask(task);
  const sequence = task / attention.segments;
  const segment = task % attention.segments;
  if (queue.operation === FORWARD) {
    if (phase === 0) summarizeForward(sequence, segment);
    else attendForward(sequence, segment);
  } else {
    if (phase === 0) summarizeBackward(sequence, segment);
    else attendBackward(sequence, segment);
  }
}

/** Whether all is done; false if another thread is dead. */
function work(thread: i32): bool {
  prepare(queue.scratch + queue.scratchBytes * thread);
  for (let phase = 0; phase < 2; phase++) {
    const tasks = tasksOf(phase);
    const next = address(offsetof<Queue>("next") + 4 * phase);
    const done = address(offsetof<Queue>("done") + 4 * phase);
    for (;;) {
      const task = atomic.add<i32>(next, 1);
      if (task >= tasks) break;
      perform(phase, task);
      atomic.add<i32>(done, 1);
    }
    if (!waitFor(done, tasks)) return false;
  }
  return true;
}

/** Spins until a counter is there; false if nothing makes progress any more. */
function waitFor(counter: usize, value: i32): bool {
  const failed = address(offsetof<Queue>("failed"));
  const progress = address(offsetof<Queue>("progress"));
  if (atomic.load<i32>(counter) >= value) return true;
  let seen = atomic.load<i32>(progress), deadline = now() + queue.patience;
  while (now() < deadline) {
    for (let spin = 0; spin < 10_000; spin++) {
      if (atomic.load<i32>(counter) >= value) return true;
    }
    if (atomic.load<i32>(failed) !== 0) return false;
    const current = atomic.load<i32>(progress);
    if (current === seen) continue;
    seen = current;
    deadline = now() + queue.patience;
  }
  return false;
}

/**
 * Runs the job that the queue holds, with so many other threads; returns
 * whether it was done.
 */
export function run(others: i32): bool {
  memory.fill(address(offsetof<Queue>("next")), 0, 16);
  atomic.store<i32>(address(offsetof<Queue>("left")), 0);
  if (others > 0) {
    const turn = address(offsetof<Queue>("turn"));
    atomic.add<i32>(turn, 1);
    atomic.notify(turn, others);
  }
  if (!work(0)) return false;
  return waitFor(address(offsetof<Queue>("left")), others);
}

/** What another thread does for ever: it spins so many times for a job, then sleeps. */
export function serve(thread: i32, spins: i32): void {
  const turn = address(offsetof<Queue>("turn"));
  let seen = 0;
  atomic.add<i32>(address(offsetof<Queue>("ready")), 1);
  for (;;) {
    let spin = 0;
    while (atomic.load<i32>(turn) === seen) {
      if (spin < spins) spin++;
      else atomic.wait<i32>(turn, seen, -1);
    }
    seen++;
    if (queue.operation === STOP || !work(thread)) return;
    atomic.add<i32>(address(offsetof<Queue>("left")), 1);
  }
}
