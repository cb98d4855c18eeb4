/** The queue through which threads share a job, on the host's side. @module */
import { JOB_OFFSET, JOBS, QUEUE } from "./jobs.ts";

/** A cache line: threads that write to the same one wait for each other. */
export const ALIGNMENT = 64;

/** The next address that begins a cache line. */
export function align(address: number): number {
  return Math.ceil((address >>> 0) / ALIGNMENT) * ALIGNMENT;
}

/** Bytes of a queue and the longest of its jobs' records. */
const BYTES = JOB_OFFSET + 4 * Math.max(
      ...Object.values(JOBS).map((fields) => Object.keys(fields).length),
    );

/** A queue in the memory; it knows no thread and no job yet. */
export class Queue {
  /** The block that was allocated for the queue. */
  readonly block: number;
  /** The address at which the queue starts. */
  readonly address: number;
  readonly #memory: WebAssembly.Memory;

  /** Makes a queue filled with zeros. */
  constructor(
    memory: WebAssembly.Memory,
    allocate: (bytes: number) => number,
  ) {
    this.#memory = memory;
    this.block = allocate(BYTES + ALIGNMENT);
    this.address = align(this.block);
    new Uint8Array(memory.buffer, this.address, BYTES).fill(0);
  }

  /** The index of a field in the memory as 32-bit integers. */
  indexOf(field: keyof typeof QUEUE): number {
    return (this.address >>> 2) + Object.keys(QUEUE).indexOf(field);
  }

  /** The value of a field. */
  get(field: keyof typeof QUEUE): number {
    return Atomics.load(
      new Int32Array(this.#memory.buffer),
      this.indexOf(field),
    );
  }

  /** Sets a field. */
  set(field: keyof typeof QUEUE, value: number): void {
    const memory = new Int32Array(this.#memory.buffer);
    Atomics.store(memory, this.indexOf(field), value);
  }

  /** Writes a job's record; fields that are left out are 0. */
  write<N extends keyof typeof JOBS>(
    name: N,
    job: { readonly [field in keyof typeof JOBS[N]]?: number },
  ): void {
    const { buffer } = this.#memory;
    this.set("operation", Object.keys(JOBS).indexOf(name));
    const integers = new Int32Array(buffer, this.address + JOB_OFFSET);
    const floats = new Float32Array(buffer, this.address + JOB_OFFSET);
    const values = job as Readonly<Record<string, number>>;
    Object.entries(JOBS[name]).forEach(([field, type], i) => {
      (type === "f32" ? floats : integers)[i] = values[field] ?? 0;
    });
  }

  /**
   * Tells the queue's threads to end: at once if they wait, after their task if they
   * compute.
   */
  end(): void {
    this.set("over", 1);
    this.set("turn", this.get("turn") + 1);
    Atomics.notify(new Int32Array(this.#memory.buffer), this.indexOf("turn"));
  }
}
