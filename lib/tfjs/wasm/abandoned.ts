/**
 * Memory that threads may still write although their job is given up.
 *
 * A thread that made no progress for so long that the host gave up its job may
 * only be slow: it then goes on with its task, and writes into its scratch and
 * the job's tensors, whenever it gets the processor again. Nothing stops it:
 * `Worker.terminate()` returns before the thread has ended, Deno does not end a
 * thread that computes at all, and its "exit" event comes regardless.
 *
 * So the host does not rely on any of these. A thread that leaves the module,
 * by itself or by a trap, says so in the shared memory, after its last write.
 * Until all threads of the queue have, none of what the job's record names goes
 * back to the allocator, whoever frees it. A thread that never says so keeps
 * the tensors of one job; that is the price of never handing out memory that
 * another thread may write.
 *
 * @module
 */
import type { Queue } from "./queue.ts";
import type { Thread } from "./thread.ts";

/** A queue that was told to end, and some of whose threads have not. */
interface Abandoned {
  readonly queue: Queue;
  readonly threads: readonly Thread[];
  readonly held: ReadonlySet<number>;
  readonly freed: number[];
}

/** Queues that were told to end. */
export class AbandonedQueues {
  #queues: Abandoned[] = [];
  readonly #free: (address: number) => void;

  constructor(free: (address: number) => void) {
    this.#free = free;
  }

  /** Whether all threads have ended: of one queue, or of all. */
  haveEnded(queue?: Queue): boolean {
    this.#collect();
    return !this.#queues.some((other) => !queue || other.queue === queue);
  }

  /**
   * Tells a queue's threads to end, and frees it once they have.
   *
   * @param queue The queue.
   * @param threads All other threads that know it.
   * @param held Blocks that they may still write.
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

  /** Ends what workers are left; what they may write is never freed. */
  stop(): void {
    this.#queues.forEach(({ threads }) => threads.forEach((t) => t.stop()));
  }

  /** Frees a block: now, or when no thread can write it any more. */
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
      // Another queue may hold it too.
      freed.forEach((block) => this.free(block));
    }
  }
}
