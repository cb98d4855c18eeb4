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
