/**
 * Runs jobs of LION's WebAssembly module on the memory of tfjs's own, so that
 * no tensor is ever copied, on as many threads as the host allows.
 *
 * @module
 */
import { JOB_OFFSET, JOBS, QUEUE } from "./jobs.ts";
import { RELAXED, STRICT } from "./module.ts";
import { isShared, withPlainMemory } from "./shared_memory.ts";
import { startThread, type Thread } from "./thread.ts";

/** The memory of tfjs's WebAssembly module, and its allocator. */
export interface Heap {
  /** Shared, or for one thread only. */
  readonly memory: WebAssembly.Memory;
  /** Reserves bytes; throws if there are none left. */
  allocate(bytes: number): number;
  /** Gives bytes back. */
  free(address: number): void;
}

/** The name of a job. */
export type JobName = keyof typeof JOBS;

/** The values of a job's record. */
export type Job<N extends JobName> = {
  readonly [field in keyof typeof JOBS[N]]: number;
};

/** How a job is run. */
export interface RunOptions {
  /** Its multiplications and additions, roughly: few are not worth another thread. */
  readonly operations: number;
  /** Fills what all threads read beside the record. */
  readonly fill?: (memory: ArrayBufferLike, address: number) => void;
}

interface Exports {
  open(queue: number): void;
  prepare(base: number): number;
  extraBytes(): number;
  run(others: number): number;
}

/** Jobs of fewer operations take less time than to tell another thread: 20 µs or so. */
const SMALL = 1e6;

/**
 * How often another thread looks for a job before it falls asleep: a
 * millisecond or so, in which most jobs follow the one before. Waking takes
 * tens of microseconds, and far longer where another process has the processor.
 */
const SPINS = 400_000;

/** Scratch beyond this is given back after the job. */
const KEPT_SCRATCH = 64 * 2 ** 20;

/** Told to threads instead of a job. */
const STOP = -1;

/** Options of {@linkcode KernelHost}. */
export interface HostOptions {
  /** The module's binary. @default the fastest that this engine runs */
  readonly binary?: Uint8Array<ArrayBuffer>;
  /** Milliseconds without progress after which a thread counts as dead. @default 10,000 */
  readonly patience?: number;
  /** Starts another thread. @default {@linkcode startThread} */
  readonly start?: typeof startThread;
}

/** The fastest binary that this engine runs. */
function bestBinary(): Uint8Array<ArrayBuffer> {
  const relaxed = decodeBase64(RELAXED);
  return WebAssembly.validate(relaxed) ? relaxed : decodeBase64(STRICT);
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as Partial<typeof Uint8Array>;
  // Node has it from 25 on.
  if (fromBase64) return fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** LION's module on tfjs's memory. */
export class KernelHost {
  readonly #heap: Heap;
  readonly #module: WebAssembly.Module;
  readonly #exports: Exports;
  readonly #patience: number;
  readonly #start: typeof startThread;
  #queue = 0;
  #others: Thread[] = [];
  #scratch = { address: 0, bytes: 0 };

  /** Instantiates the module; one thread, until {@linkcode useThreads}. */
  constructor(heap: Heap, options: HostOptions = {}) {
    const { binary = bestBinary(), patience = 10_000 } = options;
    this.#heap = heap;
    this.#start = options.start ?? startThread;
    this.#module = new WebAssembly.Module(
      isShared(heap.memory) ? binary : withPlainMemory(binary),
    );
    const env = { memory: heap.memory, now: () => performance.now() };
    const { exports } = new WebAssembly.Instance(this.#module, { env });
    this.#exports = exports as unknown as Exports;
    this.#patience = patience;
    this.#openQueue();
  }

  /** Threads that compute, the calling one included. */
  get threads(): number {
    return this.#others.length + 1;
  }

  /**
   * Computes with so many threads from now on, the calling one included; with
   * one where memory cannot be shared.
   */
  async useThreads(threads: number): Promise<void> {
    const wanted = isShared(this.#heap.memory) ? threads : 1;
    if (wanted === this.threads) return;
    this.#stop();
    const others: Thread[] = [];
    for (let thread = 1; thread < wanted; thread++) {
      others.push(
        this.#start({
          module: this.#module,
          memory: this.#heap.memory,
          queue: this.#queue,
          thread,
          spins: SPINS,
          failed: this.#index("failed"),
        }),
      );
    }
    this.#others = others;
    while (this.#get("ready") < others.length) {
      if (this.#get("failed")) {
        this.#stop();
        throw new Error("a thread of WebAssembly did not start");
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /**
   * Runs a job to its end.
   *
   * @throws {Error} If another thread has died.
   */
  run<N extends JobName>(name: N, job: Job<N>, options: RunOptions): void {
    const { buffer } = this.#heap.memory;
    this.#set("operation", Object.keys(JOBS).indexOf(name));
    const integers = new Int32Array(buffer, this.#queue + JOB_OFFSET);
    const floats = new Float32Array(buffer, this.#queue + JOB_OFFSET);
    const values = job as Readonly<Record<string, number>>;
    Object.entries(JOBS[name]).forEach(([field, type], i) => {
      (type === "f32" ? floats : integers)[i] = values[field]!;
    });

    const threads = options.operations < SMALL ? 1 : this.threads;
    const perThread = align(this.#exports.prepare(0));
    const extra = this.#exports.extraBytes();
    const scratch = this.#reserve(perThread * threads + extra);
    this.#set("scratch", scratch);
    this.#set("scratchBytes", perThread);
    this.#set("extra", scratch + perThread * threads);
    // The reservation may have grown the memory.
    options.fill?.(this.#heap.memory.buffer, scratch + perThread * threads);
    let done = 0;
    try {
      done = this.#exports.run(threads - 1);
      if (this.#get("failed")) done = 0;
    } finally {
      if (!done) this.#stop();
      if (this.#scratch.bytes > KEPT_SCRATCH) this.#release();
    }
    if (done) return;
    throw new Error(
      "A thread of the wasm backend died, so the result is not valid; the " +
        "backend goes on with one thread, and useBackend() starts the others again",
    );
  }

  #index(field: keyof typeof QUEUE): number {
    return (this.#queue >>> 2) + Object.keys(QUEUE).indexOf(field);
  }

  #get(field: keyof typeof QUEUE): number {
    const memory = new Int32Array(this.#heap.memory.buffer);
    return Atomics.load(memory, this.#index(field));
  }

  #set(field: keyof typeof QUEUE, value: number): void {
    const memory = new Int32Array(this.#heap.memory.buffer);
    Atomics.store(memory, this.#index(field), value);
  }

  #reserve(bytes: number): number {
    if (bytes > this.#scratch.bytes) {
      this.#release();
      const address = this.#heap.allocate(bytes + ALIGNMENT);
      this.#scratch = { address, bytes };
    }
    return align(this.#scratch.address);
  }

  #release(): void {
    if (this.#scratch.bytes > 0) this.#heap.free(this.#scratch.address);
    this.#scratch = { address: 0, bytes: 0 };
  }

  /** A queue that no thread knows yet. */
  #openQueue(): void {
    const longest = Math.max(
      ...Object.values(JOBS).map((fields) => Object.keys(fields).length),
    );
    const bytes = JOB_OFFSET + 4 * longest;
    // Never freed, for the sake of threads that may still look at it.
    this.#queue = align(this.#heap.allocate(bytes + ALIGNMENT));
    new Uint8Array(this.#heap.memory.buffer, this.#queue, bytes).fill(0);
    this.#exports.open(this.#queue);
    this.#set("patience", this.#patience);
  }

  /** Ends the other threads; one that only seemed dead finds nothing to spoil. */
  #stop(): void {
    if (this.#others.length === 0) return;
    this.#set("operation", STOP);
    this.#set("turn", this.#get("turn") + 1);
    const memory = new Int32Array(this.#heap.memory.buffer);
    Atomics.notify(memory, this.#index("turn"));
    this.#others.forEach((thread) => thread.stop());
    this.#others = [];
    this.#openQueue();
  }
}

/** A cache line: threads that write to the same one wait for each other. */
const ALIGNMENT = 64;

function align(address: number): number {
  return Math.ceil((address >>> 0) / ALIGNMENT) * ALIGNMENT;
}
