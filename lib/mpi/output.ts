/** The printed output of a rank, which `mpirun` reads from a pipe. @module */
import { pause } from "./request.ts";
import type { Functions } from "./symbols.ts";

/** The ioctl request of Linux for the number of unread bytes. */
const FIONREAD = 0x541bn;

/** The longest wait for an `mpirun` that has stopped reading. */
const MILLISECONDS_OF_PATIENCE = 2000;

/**
 * Waits until `mpirun` has read what this process has printed. MPICH's drops what
 * is still in the pipe when a rank aborts, and with it the reason.
 */
export function waitForReader({ ioctl }: Pick<Functions, "ioctl">): void {
  const until = performance.now() + MILLISECONDS_OF_PATIENCE;
  for (const descriptor of [1, 2]) {
    const unread = new Int32Array(1);
    while (
      ioctl(descriptor, FIONREAD, unread) === 0 && unread[0]! > 0 &&
      performance.now() < until
    ) pause(1);
  }
}
