/**
 * Runs jobs of LION's WebAssembly module on the memory of tfjs's own, so that
 * no tensor is ever copied, on as many threads as the host allows.
 *
 * @module
 */
import { messageOf } from "../../base/shown.ts";
import { AbandonedQueues } from "./abandoned.ts";
import { JOBS } from "./jobs.ts";
import { align, ALIGNMENT, Queue } from "./queue.ts";
import { isShared, withPlainMemory } from "./shared_memory.ts";
import { startThread, type Thread } from "./thread.ts";
import { clearVectors } from "./vectors.ts";

/** The memory of tfjs's WebAssembly module, and its allocator. */
export interface Heap {
  /** The memory, shared or for one thread only. */
  readonly memory: WebAssembly.Memory;
  /** Allocates bytes; throws if none are left. */
  allocate(bytes: number): number;
  /** Frees memory. */
  free(address: number): void;
}

export type JobName = keyof typeof JOBS;

/** The values of a job's record. */
export type Job<N extends JobName> = {
  readonly [field in keyof typeof JOBS[N]]: number;
};

/** The values of a job's record that are not addresses. */
export type Numbers<N extends JobName> = {
  readonly [
    field in keyof typeof JOBS[N] as typeof JOBS[N][field] extends "usize"
      ? never
      : field
  ]: number;
};

/**
 * What a job is given: an address that is left out is 0, that of an absent tensor. What
 * is run often may be the record itself.
 */
export type GivenJob<N extends JobName> =
  | Job<N>
  | (Numbers<N> & Partial<Job<N>>)
  | Int32Array;

/** Options for running a job. */
export interface RunOptions {
  /** The job's rough number of multiplications and additions; few are not worth a thread. */
  readonly operations: number;
  /** Fills memory that all threads read besides the record. */
  readonly fill?: (memory: ArrayBufferLike, address: number) => void;
  /** Addresses that the job writes to beside those in its record. @default none */
  readonly written?: readonly number[];
}

/** The error for memory that was released. */
export const CLOSED =
  "The wasm backend was released, and its tensors with it; call " +
  "useBackend() and create them again";

/** An instance of the module on a heap. */
interface Opened {
  readonly heap: Heap;
  readonly module: WebAssembly.Module;
  readonly exports: Exports;
  readonly abandoned: AbandonedQueues;
  /** The queue through which the current threads share jobs. */
  queue: Queue;
}

interface Exports {
  open(queue: number): void;
  prepare(base: number): number;
  extraBytes(): number;
  run(others: number): number;
  timingBytes(): number;
  wideAreFaster(scratch: number): number;
}

/** Jobs with fewer operations take less time than waking a thread, 20 µs. */
const SMALL = 1e6;

/**
 * How often a thread looks for a job before it falls asleep: about a
 * millisecond, within which most jobs follow the previous one. Waking takes
 * tens of microseconds, and far longer if another process has the processor.
 */
const SPINS = 400_000;

/** Scratch memory beyond this is freed after the job. */
const KEPT_SCRATCH = 64 * 2 ** 20;

/** Options of {@linkcode KernelHost}. */
export interface HostOptions {
  /** Milliseconds without an answer after which a thread counts as dead. @default 10,000 */
  readonly patience?: number;
  /** Starts another thread. @default {@linkcode startThread} */
  readonly start?: typeof startThread;
  /** Whether products use wide tiles; results are equal. @default the faster */
  readonly wideTiles?: boolean;
  /** Clears the vectors that a job has left dirty. @default {@linkcode clearVectors} */
  readonly clear?: () => void;
}

/**
 * LION's module on tfjs's memory. It outlives the memory: after closing, it can
 * be opened on another one, so kernels are registered only once.
 */
export class KernelHost {
  readonly #patience: number;
  readonly #binary: Uint8Array<ArrayBuffer>;
  readonly #start: typeof startThread;
  readonly #wideTiles: boolean | undefined;
  readonly #clear: () => void;
  #jobs = 0;
  #opened: Opened | undefined;
  #others: readonly Thread[] = [];
  #scratch = { address: 0, bytes: 0 };
  /** Called before each job with the bytes of scratch memory that it needs. @default nothing */
  onJob: ((scratchBytes: number) => void) | undefined;
  /** The last change of threads; each starts when the one before has ended. */
  #changes: Promise<unknown> = Promise.resolve();

  /**
   * Opens the module with one thread, until {@linkcode useThreads}.
   *
   * @param heap The memory in which it computes.
   * @param binary The module.
   * @param options See {@linkcode HostOptions}.
   */
  constructor(
    heap: Heap,
    binary: Uint8Array<ArrayBuffer>,
    options: HostOptions = {},
  ) {
    this.#patience = options.patience ?? 10_000;
    this.#binary = binary;
    this.#start = options.start ?? startThread;
    this.#wideTiles = options.wideTiles;
    this.#clear = options.clear ?? clearVectors;
    this.open(heap);
  }

  /** Instantiates the module on another memory, after {@linkcode close}. */
  open(heap: Heap): void {
    const { memory } = heap;
    const module = new WebAssembly.Module(
      isShared(memory) ? this.#binary : withPlainMemory(this.#binary),
    );
    const env = { memory, now: () => performance.now() };
    const { exports } = new WebAssembly.Instance(module, { env });
    this.#opened = {
      heap,
      module,
      exports: exports as unknown as Exports,
      abandoned: new AbandonedQueues((address) => heap.free(address)),
      queue: this.#newQueue(heap),
    };
    this.#use(this.#opened.queue, []);
  }

  /** Bytes of scratch memory kept for the next job, and unused now. */
  get keptBytes(): number {
    const { bytes } = this.#scratch;
    return bytes > 0 ? bytes + ALIGNMENT : 0;
  }

  /** The number of threads that compute, including the calling one. */
  get threads(): number {
    return this.#others.length + 1;
  }

  /**
   * Sets the number of threads, including the calling one; it stays one if
   * memory cannot be shared. Overlapping calls run one after another.
   *
   * @throws {Error} If a thread does not start, or does not answer in time; the
   * threads then stay as before.
   */
  async useThreads(threads: number): Promise<void> {
    await this.#inTurn(async () => {
      const { heap, abandoned, queue: before } = this.#open;
      const wanted = isShared(heap.memory) ? threads : 1;
      if (wanted === this.threads) return;
      const queue = this.#newQueue(heap);
      const others = await this.#startThreads(queue, wanted - 1);
      abandoned.add(before, this.#others);
      this.#use(queue, others);
      await this.#waitUntil(() => abandoned.haveEnded(before));
    });
  }

  /** Ends the other threads and releases the memory; later jobs throw. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#opened) return;
      const { abandoned, queue } = this.#opened;
      abandoned.add(queue, this.#others);
      this.#others = [];
      this.#scratch = { address: 0, bytes: 0 };
      await this.#waitUntil(() => abandoned.haveEnded());
      abandoned.stop();
      this.#opened = undefined;
    });
  }

  /**
   * Runs a job to its end.
   *
   * @throws {Error} If another thread has died, or the host is closed.
   */
  run<N extends JobName>(
    name: N,
    job: GivenJob<N>,
    options: RunOptions,
  ): void {
    const { heap, exports } = this.#open;
    if (this.#open.queue.get("left") > 0) {
      // Happens if, say, a debugger has stopped this thread for longer than their
      // patience.
      console.warn(
        "Threads of the wasm backend got no answer from the calling one and ended; " +
          "it continues alone, and useBackend() starts the others again",
      );
      this.#giveUp([]);
    }
    const { queue } = this.#open;
    const threads = this.#threadsFor(options);
    const { perThread, extra } = this.#prepare(name, job);
    const needed = perThread * threads + extra;
    const scratch = this.#reserve(Math.max(needed, exports.timingBytes()));
    this.onJob?.(needed);
    this.#chooseTiles(scratch);
    const behind = scratch + perThread * threads;
    queue.place({ scratch, scratchBytes: perThread, extra: behind });
    // Reserving scratch may have grown the memory, and replaced its buffer.
    options.fill?.(heap.memory.buffer, behind);
    let done = false;
    try {
      done = exports.run(threads - 1) !== 0 && queue.get("over") === 0;
    } finally {
      // What is slow on dirty vectors is slow wherever this thread goes on.
      if (queue.get("wide") !== 0) this.#clear();
      if (!done) {
        this.#giveUp([...addressesOf(name, job), ...options.written ?? []]);
      }
      if (this.#scratch.bytes > KEPT_SCRATCH) this.#release();
    }
    if (done) return;
    throw new Error(
      "A thread of the wasm backend died, so the result is not valid; the " +
        "backend continues with one thread, and useBackend() starts the others again",
    );
  }

  /**
   * The bytes that a job would need besides its arrays. Runs nothing; of
   * addresses, it only matters which are 0.
   */
  scratchBytes<N extends JobName>(
    name: N,
    job: GivenJob<N>,
    options: RunOptions,
  ): number {
    const { perThread, extra } = this.#prepare(name, job);
    return perThread * this.#threadsFor(options) + extra;
  }

  /**
   * Chooses between narrow and wide tiles for matrix products by measuring, before the first,
   * second, fourth, … job, as the engine compiles faster code for what has run for a while.
   */
  #chooseTiles(scratch: number): void {
    const { exports, queue } = this.#open;
    const jobs = ++this.#jobs;
    if ((jobs & (jobs - 1)) !== 0) return;
    const wide = this.#wideTiles ?? exports.wideAreFaster(scratch);
    queue.set("wide", Number(wide));
  }

  #threadsFor({ operations }: RunOptions): number {
    return operations < SMALL ? 1 : this.threads;
  }

  /** Writes a job's record; returns the bytes of scratch that it needs. */
  #prepare<N extends JobName>(
    name: N,
    job: GivenJob<N>,
  ): { perThread: number; extra: number } {
    const { queue, exports } = this.#open;
    queue.write(name, job);
    const perThread = align(exports.prepare(0));
    return { perThread, extra: exports.extraBytes() };
  }

  /** Frees memory of the heap, once no thread can write to it any more. */
  free(address: number): void {
    this.#opened?.abandoned.free(address);
  }

  get #open(): Opened {
    if (this.#opened) return this.#opened;
    throw new Error(CLOSED);
  }

  async #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => {});
    await turn;
  }

  async #startThreads(queue: Queue, count: number): Promise<Thread[]> {
    const { heap: { memory }, module, abandoned } = this.#open;
    const threads: Thread[] = [];
    try {
      for (let thread = 1; thread <= count; thread++) {
        threads.push(
          this.#start({
            module,
            memory,
            queue: queue.address,
            thread,
            spins: SPINS,
            turn: queue.indexOf("turn"),
            ready: queue.indexOf("ready"),
            left: queue.indexOf("left"),
            over: queue.indexOf("over"),
          }),
        );
      }
      const isReady = () => {
        const { error } = threads.find(({ error }) => error) ?? {};
        if (error || queue.get("over")) {
          throw new Error(
            `a thread of WebAssembly did not start${
              error ? `: ${messageOf(error)}` : ""
            }`,
            { cause: error },
          );
        }
        return queue.get("ready") === count;
      };
      if (await this.#waitUntil(isReady)) return threads;
      throw new Error(
        `${count - queue.get("ready")} of ${count} threads of WebAssembly ` +
          `did not answer within ${this.#patience / 1000} s`,
      );
    } catch (error) {
      abandoned.add(queue, threads);
      // A thread that was never loaded will not learn that it should end.
      threads.forEach((thread) => thread.stop());
      throw error;
    }
  }

  /** Waits for a condition; returns whether it became true in time. */
  async #waitUntil(condition: () => boolean): Promise<boolean> {
    const deadline = performance.now() + this.#patience;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return true;
  }

  #newQueue(heap: Heap): Queue {
    const queue = new Queue(heap.memory, (bytes) => heap.allocate(bytes));
    queue.set("patience", this.#patience);
    this.#jobs = 0;
    return queue;
  }

  /** Switches to other threads, and to the queue that they know. */
  #use(queue: Queue, others: readonly Thread[]): void {
    this.#open.queue = queue;
    this.#others = others;
    this.#open.exports.open(queue.address);
  }

  /** Continues without the other threads, which may still write to the `held` blocks. */
  #giveUp(held: readonly number[]): void {
    const { heap, abandoned, queue } = this.#open;
    const { address } = this.#scratch;
    abandoned.add(queue, this.#others, [...held, address]);
    this.#release();
    this.#use(this.#newQueue(heap), []);
  }

  #reserve(bytes: number): number {
    if (bytes > this.#scratch.bytes) {
      this.#release();
      const address = this.#open.heap.allocate(bytes + ALIGNMENT);
      this.#scratch = { address, bytes };
    }
    return align(this.#scratch.address);
  }

  #release(): void {
    if (this.#scratch.bytes > 0) this.free(this.#scratch.address);
    this.#scratch = { address: 0, bytes: 0 };
  }
}

/** The addresses in a job's record. */
function addressesOf<N extends JobName>(name: N, job: GivenJob<N>): number[] {
  const values = job as Readonly<Record<string, number>>;
  return Object.entries(JOBS[name]).flatMap(([field, type], i) =>
    type === "usize"
      ? [(job instanceof Int32Array ? job[i]! >>> 0 : values[field]) ?? 0]
      : []
  );
}
