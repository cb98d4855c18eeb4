/**
 * Runs jobs of WebAssembly modules on the memory of tfjs's own, so that no tensor is
 * ever copied, on as many threads as the host allows.
 *
 * @module
 */
import { messageOf } from "@lionjs/base";
import { AbandonedQueues } from "./abandoned.ts";
import type { GivenRecord, Job, KernelModule } from "./job.ts";
import {
  align,
  ALIGNMENT,
  type PlacedJob,
  placedJobs,
  Queue,
} from "./queue.ts";
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
  "useBackend() or openBackend() and create them again";

/** A module on a heap. */
interface OpenedModule {
  readonly module: WebAssembly.Module;
  readonly exports: Exports;
  /** The number of the module's jobs so far, and whether its products use wide tiles. */
  jobs: number;
  wide: boolean;
}

/** The modules on a heap. */
interface Opened {
  readonly heap: Heap;
  readonly modules: OpenedModule[];
  readonly abandoned: AbandonedQueues;
  /** The queue through which the current threads share jobs. */
  queue: Queue;
}

interface Exports {
  open(queue: number, module: number): void;
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
 * Modules on tfjs's memory. They outlive the memory: after closing, they can be opened
 * on another one, so kernels are registered only once.
 */
export class KernelHost {
  readonly #patience: number;
  readonly #modules: KernelModule[];
  /** The jobs of all modules. */
  #placed: ReadonlyMap<Job, PlacedJob>;
  readonly #start: typeof startThread;
  readonly #wideTiles: boolean | undefined;
  readonly #clear: () => void;
  #opened: Opened | undefined;
  #others: readonly Thread[] = [];
  #scratch = { address: 0, bytes: 0 };
  /** Called before each job with the bytes of scratch memory that it needs. @default nothing */
  onJob: ((scratchBytes: number) => void) | undefined;
  /** The last change of threads; each starts when the one before has ended. */
  #changes: Promise<unknown> = Promise.resolve();

  /**
   * Opens modules with one thread, until {@linkcode useThreads}.
   *
   * @param heap The memory in which they compute.
   * @param modules The modules; {@linkcode add} adds others.
   * @param options See {@linkcode HostOptions}.
   */
  constructor(
    heap: Heap,
    modules: readonly KernelModule[],
    options: HostOptions = {},
  ) {
    this.#patience = options.patience ?? 10_000;
    this.#modules = [...modules];
    this.#placed = placedJobs(modules);
    this.#start = options.start ?? startThread;
    this.#wideTiles = options.wideTiles;
    this.#clear = options.clear ?? clearVectors;
    this.open(heap);
  }

  /** Instantiates the modules on another memory, after {@linkcode close}. */
  open(heap: Heap): void {
    this.#opened = {
      heap,
      modules: this.#modules.map((module) => instantiated(module, heap)),
      abandoned: new AbandonedQueues((address) => heap.free(address)),
      queue: this.#newQueue(heap),
    };
    this.#use(this.#opened.queue, []);
  }

  /** Whether a module with these jobs is there. */
  has({ jobs }: Pick<KernelModule, "jobs">): boolean {
    return this.#modules.some((module) => module.jobs === jobs);
  }

  /**
   * Adds a module, unless one with its jobs is there. Other threads would not know it,
   * so they end, until {@linkcode useThreads}.
   */
  async add(module: KernelModule): Promise<void> {
    await this.#inTurn(() => {
      if (this.has(module)) return;
      this.#modules.push(module);
      this.#placed = placedJobs(this.#modules);
      if (!this.#opened) return;
      const { heap, modules } = this.#opened;
      modules.push(instantiated(module, heap));
      this.#giveUp([]);
    });
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
  run<J extends Job>(
    job: J,
    record: GivenRecord<J>,
    options: RunOptions,
  ): void {
    const { heap } = this.#open;
    if (this.#open.queue.get("left") > 0) {
      // Happens if, say, a debugger has stopped this thread for longer than their
      // patience.
      console.warn(
        "Threads of the wasm backend got no answer from the calling one and ended; " +
          "it continues alone, and useBackend() or openBackend() starts the others again",
      );
      this.#giveUp([]);
    }
    const { queue } = this.#open;
    const threads = this.#threadsFor(options);
    const { module, perThread, extra } = this.#prepare(job, record);
    const { exports } = module;
    const needed = perThread * threads + extra;
    const scratch = this.#reserve(Math.max(needed, exports.timingBytes()));
    this.onJob?.(needed);
    this.#chooseTiles(module, scratch);
    const behind = scratch + perThread * threads;
    const wide = Number(module.wide);
    queue.place({ scratch, scratchBytes: perThread, extra: behind, wide });
    // Reserving scratch may have grown the memory, and replaced its buffer.
    options.fill?.(heap.memory.buffer, behind);
    let done = false;
    try {
      done = exports.run(threads - 1) !== 0 && queue.get("over") === 0;
    } finally {
      // Code that is slow on dirty vectors is slow wherever this thread goes on.
      if (module.wide) this.#clear();
      if (!done) {
        this.#giveUp([...addressesOf(job, record), ...options.written ?? []]);
      }
      if (this.#scratch.bytes > KEPT_SCRATCH) this.#release();
    }
    if (done) return;
    throw new Error(
      "A thread of the wasm backend died, so the result is not valid; the " +
        "backend continues with one thread, and useBackend() or openBackend() starts " +
        "the others again",
    );
  }

  /**
   * The bytes that a job would need besides its arrays. Runs nothing; of
   * addresses, it only matters which are 0.
   */
  scratchBytes<J extends Job>(
    job: J,
    record: GivenRecord<J>,
    options: RunOptions,
  ): number {
    const { perThread, extra } = this.#prepare(job, record);
    return perThread * this.#threadsFor(options) + extra;
  }

  /**
   * Chooses between narrow and wide tiles for a module's matrix products by measuring,
   * before its first, second, fourth, … job, as the engine compiles faster code for what
   * has run for a while.
   */
  #chooseTiles(module: OpenedModule, scratch: number): void {
    const jobs = ++module.jobs;
    if ((jobs & (jobs - 1)) !== 0) return;
    module.wide = this.#wideTiles ??
      module.exports.wideAreFaster(scratch) !== 0;
  }

  #threadsFor({ operations }: RunOptions): number {
    return operations < SMALL ? 1 : this.threads;
  }

  /** Writes a job's record; returns the bytes of scratch that it needs. */
  #prepare<J extends Job>(
    job: J,
    record: GivenRecord<J>,
  ): { module: OpenedModule; perThread: number; extra: number } {
    const { queue, modules } = this.#open;
    const placed = this.#placed.get(job);
    if (!placed) throw new RangeError(`no module has the job ${job.name}`);
    queue.write(placed, record);
    const module = modules[placed.module]!, { exports } = module;
    const perThread = align(exports.prepare(0));
    return { module, perThread, extra: exports.extraBytes() };
  }

  /** Frees memory of the heap, once no thread can write to it any more. */
  free(address: number): void {
    this.#opened?.abandoned.free(address);
  }

  get #open(): Opened {
    if (this.#opened) return this.#opened;
    throw new Error(CLOSED);
  }

  async #inTurn(change: () => Promise<void> | void): Promise<void> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => {});
    await turn;
  }

  async #startThreads(queue: Queue, count: number): Promise<Thread[]> {
    const { heap: { memory }, abandoned, ...opened } = this.#open;
    const modules = opened.modules.map(({ module }) => module);
    const threads: Thread[] = [];
    try {
      for (let thread = 1; thread <= count; thread++) {
        threads.push(
          this.#start({
            modules,
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
    const fields = [...this.#placed.values()].map(({ fields }) =>
      fields.length
    );
    const queue = new Queue(
      heap.memory,
      (bytes) => heap.allocate(bytes),
      Math.max(0, ...fields),
    );
    queue.set("patience", this.#patience);
    return queue;
  }

  /** Switches to other threads, and to the queue that they know. */
  #use(queue: Queue, others: readonly Thread[]): void {
    this.#open.queue = queue;
    this.#others = others;
    this.#open.modules.forEach(({ exports }, module) =>
      exports.open(queue.address, module)
    );
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

/** A module on a heap, which has no jobs yet. */
function instantiated(
  { binary }: KernelModule,
  { memory }: Heap,
): OpenedModule {
  const module = new WebAssembly.Module(
    isShared(memory) ? binary : withPlainMemory(binary),
  );
  const env = { memory, now: () => performance.now() };
  const { exports } = new WebAssembly.Instance(module, { env });
  return {
    module,
    exports: exports as unknown as Exports,
    jobs: 0,
    wide: false,
  };
}

/** The addresses in a job's record. */
function addressesOf<J extends Job>(
  { fields }: J,
  record: GivenRecord<J>,
): number[] {
  const values = record as Readonly<Record<string, number>>;
  return Object.entries(fields).flatMap(([field, type], i) =>
    type === "usize"
      ? [(record instanceof Int32Array ? record[i]! >>> 0 : values[field]) ?? 0]
      : []
  );
}
