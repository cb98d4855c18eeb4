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

/** The index of each field of a queue, and the number of each job. */
const PLACES = numbered(QUEUE), NUMBERS = numbered(JOBS);

/** The fields of each job's record, in order. */
const RECORDS = new Map(
  Object.entries(JOBS).map(([name, fields]) => [
    name,
    Object.entries(fields).map(([field, type]) => ({
      field,
      isFloat: type === "f32",
    })),
  ]),
);

/** The places of a record's fields. */
function numbered<N extends string>(
  fields: Readonly<Record<N, unknown>>,
): Readonly<Record<N, number>> {
  const entries = Object.keys(fields).map((name, i) => [name, i]);
  return Object.fromEntries(entries) as Record<N, number>;
}

/** A queue in the memory; it knows no thread and no job yet. */
export class Queue {
  /** The block that was allocated for the queue. */
  readonly block: number;
  /** The address at which the queue starts. */
  readonly address: number;
  readonly #memory: WebAssembly.Memory;
  /** The queue and its record. */
  #integers: Int32Array = new Int32Array();
  #record: Int32Array = new Int32Array();
  #floats: Float32Array = new Float32Array();

  /** Makes a queue filled with zeros. */
  constructor(
    memory: WebAssembly.Memory,
    allocate: (bytes: number) => number,
  ) {
    this.#memory = memory;
    this.block = allocate(BYTES + ALIGNMENT);
    this.address = align(this.block);
    this.#view().fill(0);
  }

  /** The index of a field in the memory as 32-bit integers. */
  indexOf(field: keyof typeof QUEUE): number {
    return (this.address >>> 2) + PLACES[field];
  }

  /** The value of a field. */
  get(field: keyof typeof QUEUE): number {
    return Atomics.load(this.#view(), PLACES[field]);
  }

  set(field: keyof typeof QUEUE, value: number): void {
    Atomics.store(this.#view(), PLACES[field], value);
  }

  /** Writes a job's record, given as fields, of which absent ones are 0, or as it is. */
  write<N extends keyof typeof JOBS>(
    name: N,
    job: { readonly [field in keyof typeof JOBS[N]]?: number } | Int32Array,
  ): void {
    this.#view()[PLACES.operation] = NUMBERS[name];
    const integers = this.#record, floats = this.#floats;
    if (job instanceof Int32Array) return integers.set(job);
    const values = job as Readonly<Record<string, number>>;
    RECORDS.get(name)!.forEach(({ field, isFloat }, i) => {
      (isFloat ? floats : integers)[i] = values[field] ?? 0;
    });
  }

  /** Sets what a job has besides its record, before threads know of it. */
  place(
    fields: Readonly<Record<"scratch" | "scratchBytes" | "extra", number>>,
  ): void {
    const view = this.#view();
    view[PLACES.scratch] = fields.scratch;
    view[PLACES.scratchBytes] = fields.scratchBytes;
    view[PLACES.extra] = fields.extra;
  }

  /**
   * Tells the queue's threads to end: at once if they wait, after their task if they
   * compute.
   */
  end(): void {
    this.set("over", 1);
    this.set("turn", this.get("turn") + 1);
    Atomics.notify(this.#view(), PLACES.turn);
  }

  /**
   * The queue in the memory. A shared buffer stays when the memory grows; a plain one
   * is detached.
   */
  #view(): Int32Array {
    if (this.#integers.length > 0) return this.#integers;
    const { buffer } = this.#memory, record = this.address + JOB_OFFSET;
    this.#record = new Int32Array(buffer, record, (BYTES - JOB_OFFSET) / 4);
    this.#floats = new Float32Array(
      this.#record.buffer,
      record,
      this.#record.length,
    );
    return this.#integers = new Int32Array(buffer, this.address, BYTES / 4);
  }
}
