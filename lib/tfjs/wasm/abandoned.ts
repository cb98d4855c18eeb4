/**
 * Memory that threads may still write to, although their job was given up.
 *
 * A thread that made no progress until the host gave up its job may merely be
 * slow: it then continues its task, and writes to its scratch memory and the
 * job's tensors, whenever it gets the processor again. Nothing stops it:
 * `Worker.terminate()` returns before the thread has ended, Deno does not end a
 * thread that computes at all, and its "exit" event comes regardless.
 *
 * So the host relies on none of these. A thread that leaves the module, by
 * itself or by a trap, reports it in the shared memory after its last write.
 * Until all threads of the queue have done so, nothing that the job's record
 * names goes back to the allocator, whoever frees it. A thread that never
 * reports keeps the tensors of one job; that is the price of never handing out
 * memory that another thread may write to.
 *
 * @module
 */
import type { Queue } from "./queue.ts";
import type { Thread } from "./thread.ts";

/** A queue that was asked to end, some of whose threads have not ended. */
interface Abandoned {
  readonly queue: Queue;
  readonly threads: readonly Thread[];
  readonly held: ReadonlySet<number>;
  readonly freed: number[];
}

/** The queues that were asked to end, and the memory that their threads may still write to. */
export class AbandonedQueues {
  #queues: Abandoned[] = [];
  readonly #free: (address: number) => void;

  constructor(free: (address: number) => void) {
    this.#free = free;
  }

  /** Whether all threads of a queue have ended; without one, those of all queues. */
  haveEnded(queue?: Queue): boolean {
    this.#collect();
    return !this.#queues.some((other) => !queue || other.queue === queue);
  }

  /**
   * Asks a queue's threads to end, and frees the queue once they have.
   *
   * @param queue The queue.
   * @param threads All other threads that know the queue.
   * @param held The blocks that those threads may still write to.
   */
  add(
    queue: Queue,
    threads: readonly Thread[],
    held: readonly number[] = [],
  ): void {
    queue.end();
    const freed = [queue.block];
    this.#queues.push({ queue, threads, held: new Set(held), freed });
    this.#collect();
  }

  /**
   * Ends the remaining workers; memory that they may write to is never freed.
   */
  stop(): void {
    this.#queues.forEach(({ threads }) => threads.forEach((t) => t.stop()));
  }

  /** Frees a block, now or once no thread can write to it any more. */
  free(address: number): void {
    this.#collect();
    const holder = this.#queues.find(({ held }) => held.has(address));
    if (holder) holder.freed.push(address);
    else this.#free(address);
  }

  #collect(): void {
    if (this.#queues.length === 0) return;
    const hasEnded = ({ queue, threads }: Abandoned) =>
      queue.get("left") === threads.length;
    const ended = this.#queues.filter(hasEnded);
    if (ended.length === 0) return;
    this.#queues = this.#queues.filter((queue) => !ended.includes(queue));
    for (const { threads, freed } of ended) {
      threads.forEach((thread) => thread.stop());
      // Another abandoned queue may hold the block too.
      freed.forEach((block) => this.free(block));
    }
  }
}
