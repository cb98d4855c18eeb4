// What tasks tell of themselves, so that a thread that waits for others can tell
// a long task from a thread that has died.
import { Queue, queue } from "../jobs";

/** To be called now and then by every task. */
export function countProgress(): void {
  atomic.add<i32>(changetype<usize>(queue) + offsetof<Queue>("progress"), 1);
}
