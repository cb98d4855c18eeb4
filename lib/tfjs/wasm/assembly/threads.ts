// Jobs and the threads that share them. A job has two phases of tasks; every
// thread takes the next task that is left, and waits between the phases.
//
// The queue is in the shared memory; all threads run this same module on it, and
// others beside it, which have jobs of their own.
import { now, Queue, queue } from "./runtime/queue";
import { attach, perform, prepare, tasksOf } from "./tasks";

/** Milliseconds that one look at the progress can add to the time without any. */
const LONGEST_LOOK: f64 = 100;

function address(offset: usize): usize {
  return changetype<usize>(queue) + offset;
}

/** The number of this module among those of the queue. */
let own: i32 = 0;

/** Points this thread to a queue, in which this module has the number `module`. */
export function open(pointer: usize, module: i32): void {
  attach(pointer);
  own = module;
}

/** Does all tasks of a job that no other thread knows of, so that nothing is shared. */
function workAlone(): void {
  prepare(queue.scratch);
  for (let phase = 0; phase < 2; phase++) {
    const tasks = tasksOf(phase);
    for (let task = 0; task < tasks; task++) perform(phase, task);
  }
}

/** Does the tasks that are left; false if another thread is dead. */
function work(thread: i32): bool {
  prepare(queue.scratch + queue.scratchBytes * thread);
  const over = address(offsetof<Queue>("over"));
  for (let phase = 0; phase < 2; phase++) {
    const tasks = tasksOf(phase);
    const next = address(offsetof<Queue>("next") + 4 * phase);
    const done = address(offsetof<Queue>("done") + 4 * phase);
    for (;;) {
      if (atomic.load<i32>(over) !== 0) return false;
      const task = atomic.add<i32>(next, 1);
      if (task >= tasks) break;
      perform(phase, task);
      atomic.add<i32>(done, 1);
    }
    if (!waitFor(done, tasks)) return false;
  }
  return true;
}

/** Spins until a counter has a value; false if nothing makes progress any more. */
function waitFor(counter: usize, value: i32): bool {
  if (atomic.load<i32>(counter) === value) return true;
  const over = address(offsetof<Queue>("over"));
  const progress = address(offsetof<Queue>("progress"));
  let seen = atomic.load<i32>(progress), time = now();
  let left: f64 = queue.patience;
  while (left > 0) {
    for (let spin = 0; spin < 10_000; spin++) {
      if (atomic.load<i32>(counter) === value) return true;
    }
    if (atomic.load<i32>(over) !== 0) return false;
    // A machine that was asleep comes back with a leap of the clock.
    const passed = now() - time;
    time += passed;
    left -= min(passed, LONGEST_LOOK);
    const current = atomic.load<i32>(progress);
    if (current === seen) continue;
    seen = current;
    left = queue.patience;
  }
  return false;
}

/**
 * Runs the job that the queue holds, with the help of as many other threads as
 * are there in time; returns whether it was done.
 */
export function run(others: i32): bool {
  if (others === 0) {
    workAlone();
    return true;
  }
  memory.fill(address(offsetof<Queue>("next")), 0, 16);
  const closed = address(offsetof<Queue>("closed"));
  atomic.store<i32>(closed, 0);
  const turn = address(offsetof<Queue>("turn"));
  atomic.add<i32>(turn, 1);
  atomic.notify(turn, others);
  const done = work(0);
  // A thread that is late finds the job closed, so that nobody waits for the thread.
  atomic.store<i32>(closed, 1);
  return done && waitFor(address(offsetof<Queue>("active")), 0);
}

/** The last job that this thread has seen, and how often it has looked for the next. */
let seen: i32 = 0;
let spin: i32 = 0;

/** Results of {@link serve}: no job came, and the thread is no longer wanted. */
const NO_JOB = -1, ENDED = -2;

/**
 * Serves this module's jobs in another thread: looks `spins` times for the next job.
 * Returns the number of another module that has a job now, whose function of this name
 * should go on; or that none came, after which one should be called again when the turn
 * has changed; or that the thread is no longer wanted.
 *
 * The host sleeps until then, and not the module: V8's first code for a wait on an
 * atomic, in Node 20, overwrites a variable of its function. Here that was the place
 * of `closed`, so that a thread that woke late joined a job that had been over.
 */
export function serve(thread: i32, spins: i32): i32 {
  const turn = address(offsetof<Queue>("turn"));
  const active = address(offsetof<Queue>("active"));
  const closed = address(offsetof<Queue>("closed"));
  const over = address(offsetof<Queue>("over"));
  let helped = true;
  while (helped) {
    while (atomic.load<i32>(turn) === seen) {
      if (spin >= spins) return NO_JOB;
      spin++;
    }
    seen = atomic.load<i32>(turn);
    spin = 0;
    if (atomic.load<i32>(over) !== 0) return ENDED;
    atomic.add<i32>(active, 1);
    if (atomic.load<i32>(closed) === 0) {
      // The job stays as it is while this thread counts as active.
      const module = queue.module;
      if (module !== own) {
        atomic.sub<i32>(active, 1);
        return module;
      }
      helped = work(thread);
    }
    atomic.sub<i32>(active, 1);
  }
  return ENDED;
}
