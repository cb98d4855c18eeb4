/** The queue through which threads share a job, on the host's side. @module */
import type { Job, Jobs } from "./job.ts";
import { JOB_OFFSET, QUEUE } from "./jobs.ts";

/** A cache line: threads that write to the same one wait for each other. */
export const ALIGNMENT = 64;

/** The next address that begins a cache line. */
export function align(address: number): number {
  return Math.ceil((address >>> 0) / ALIGNMENT) * ALIGNMENT;
}

/** The index of each field of a queue. */
const PLACES = Object.fromEntries(
  Object.keys(QUEUE).map((name, i) => [name, i]),
) as Readonly<Record<keyof typeof QUEUE, number>>;

/** The number of a job's module and its own number there, with the fields of its record. */
export interface PlacedJob {
  readonly module: number;
  /** The job's number in the module. */
  readonly number: number;
  readonly fields: readonly {
    readonly field: string;
    readonly isFloat: boolean;
  }[];
}

/** The places of all jobs of some modules. */
export function placedJobs(
  modules: readonly { readonly jobs: Jobs }[],
): Map<Job, PlacedJob> {
  return new Map(
    modules.flatMap(({ jobs }, module) =>
      Object.values(jobs).map((job, number) => {
        const fields = Object.entries(job.fields)
          .map(([field, type]) => ({ field, isFloat: type === "f32" }));
        return [job, { module, number, fields }] as const;
      })
    ),
  );
}

/** A queue in the memory; it knows no thread and no job yet. */
export class Queue {
  /** The block that was allocated for the queue. */
  readonly block: number;
  /** The address at which the queue starts. */
  readonly address: number;
  readonly #memory: WebAssembly.Memory;
  /** Bytes of the queue and the longest record. */
  readonly #bytes: number;
  /** The queue and its record. */
  #integers: Int32Array = new Int32Array();
  #record: Int32Array = new Int32Array();
  #floats: Float32Array = new Float32Array();

  /** Makes a queue filled with zeros, with room for a record of `fields` fields. */
  constructor(
    memory: WebAssembly.Memory,
    allocate: (bytes: number) => number,
    fields: number,
  ) {
    this.#memory = memory;
    this.#bytes = JOB_OFFSET + 4 * fields;
    this.block = allocate(this.#bytes + ALIGNMENT);
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
  write(
    { module, number, fields }: PlacedJob,
    record: Readonly<Record<string, number>> | Int32Array,
  ): void {
    const view = this.#view();
    view[PLACES.module] = module;
    view[PLACES.operation] = number;
    const integers = this.#record, floats = this.#floats;
    if (record instanceof Int32Array) return integers.set(record);
    fields.forEach(({ field, isFloat }, i) => {
      (isFloat ? floats : integers)[i] = record[field] ?? 0;
    });
  }

  /** Sets what a job has besides its record, before threads know of it. */
  place(
    fields: Readonly<
      Record<"scratch" | "scratchBytes" | "extra" | "wide", number>
    >,
  ): void {
    const view = this.#view();
    view[PLACES.scratch] = fields.scratch;
    view[PLACES.scratchBytes] = fields.scratchBytes;
    view[PLACES.extra] = fields.extra;
    view[PLACES.wide] = fields.wide;
  }

  /**
   * Asks the queue's threads to end: at once if they wait, after their task if they
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
    this.#record = new Int32Array(
      buffer,
      record,
      (this.#bytes - JOB_OFFSET) / 4,
    );
    this.#floats = new Float32Array(
      this.#record.buffer,
      record,
      this.#record.length,
    );
    return this.#integers = new Int32Array(
      buffer,
      this.address,
      this.#bytes / 4,
    );
  }
}
