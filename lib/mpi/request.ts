/** Waiting for what MPI does meanwhile, while this process does other things. @module */
import { nodeModule } from "../contract/node_module.ts";

/** So long a wait costs a core, for the shortest of them are microseconds. */
const MILLISECONDS_OF_POLLING = 10;

/** After that, so long in turns with as much sleep: MPI moves data only when it is called. */
const MILLISECONDS_OF_TURN = 1;

/** Returns when `isDone` does; timers and other promises have their turns between. */
export async function poll(isDone: () => boolean): Promise<void> {
  // Sooner than any timer: these wait a millisecond and more.
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

/** Longer than most messages take between ranks that have come to the same place. */
const MILLISECONDS_OF_SPINNING = 0.1;

/** Returns when `isDone` does; nothing else of this process runs meanwhile. */
export function pollNow(isDone: () => boolean): void {
  const until = performance.now() + MILLISECONDS_OF_SPINNING;
  while (!isDone()) {
    // The rank that is waited for may need this core.
    if (performance.now() >= until) pause(MILLISECONDS_OF_SPINNING);
  }
}

/** Sleeps; nothing else of this process runs meanwhile. */
export function pause(milliseconds: number): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(nobody, 0, 0, milliseconds);
}
