/** Waiting for MPI while this process does other things. @module */
import { nodeModule } from "@lionjs/base/files";

/** How long a wait polls without sleeping, since the shortest waits take microseconds. */
const MILLISECONDS_OF_POLLING = 10;

/** How long a longer wait polls and sleeps in turns: MPI moves data only when it is called. */
const MILLISECONDS_OF_TURN = 1;

/** Waits until `isDone` returns true; timers and other promises run in between. */
export async function poll(isDone: () => boolean): Promise<void> {
  // Immediates run sooner than timers, which wait a millisecond or more.
  const { setImmediate } = nodeModule("node:timers")!;
  let awakeUntil = performance.now() + MILLISECONDS_OF_POLLING;
  while (!isDone()) {
    if (performance.now() < awakeUntil) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, MILLISECONDS_OF_TURN));
    awakeUntil = performance.now() + MILLISECONDS_OF_TURN;
  }
}

/** How long a blocking wait spins: longer than most messages take between ranks that have reached the same call. */
const MILLISECONDS_OF_SPINNING = 0.1;

/** Blocks until `isDone` returns true; nothing else in this process runs meanwhile. */
export function pollNow(isDone: () => boolean): void {
  const until = performance.now() + MILLISECONDS_OF_SPINNING;
  while (!isDone()) {
    // The rank that this one waits for may need the core.
    if (performance.now() >= until) pause(MILLISECONDS_OF_SPINNING);
  }
}

/** Blocks for a time; nothing else in this process runs meanwhile. */
export function pause(milliseconds: number): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(nobody, 0, 0, milliseconds);
}
