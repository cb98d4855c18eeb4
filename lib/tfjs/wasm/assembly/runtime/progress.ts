// Progress of tasks, by which a thread that waits for others knows a long task from a
// thread that has died.
import { Queue, queue } from "./queue";

/** Counts a step; every task calls this now and then. */
export function countProgress(): void {
  atomic.add<i32>(changetype<usize>(queue) + offsetof<Queue>("progress"), 1);
}
