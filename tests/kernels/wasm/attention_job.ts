/** An attention in a memory without tfjs. @module */
import { LION_JOBS } from "../../../lib/kernels/wasm/jobs.ts";
import type { Heap, KernelHost } from "../../../lib/tfjs/wasm/host.ts";
import type { JobRecord } from "../../../lib/tfjs/wasm/job.ts";
import { array, uniform } from "../../random.ts";

/** The record of an attention. */
export type AttentionRecord = JobRecord<typeof LION_JOBS.chunkwiseForward>;

/** Addresses of a job that begins and ends its sequences. */
export const NO_STATES = { before: 0, after: 0, forward: 0, backward: 0 };

/** A memory of its own, from which nothing is ever freed. */
export function heapOf(shared: boolean): Heap {
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 512, shared });
  let next = 64;
  return {
    memory,
    allocate: (bytes) => (next += bytes) - bytes,
    free: () => {},
  };
}

const [sequences, length, headDim, valueDim] = [2, 600, 30, 21];

/** An attention with all its arrays in the heap. */
export function jobIn(heap: Heap): AttentionRecord {
  const random = uniform(1);
  const tokens = sequences * length;
  const place = (size: number, make?: (u: number) => number) => {
    const address = heap.allocate(4 * size);
    const values = array(size, random, make);
    new Float32Array(heap.memory.buffer, address, size).set(values);
    return address;
  };
  const feature = (u: number) => u + 0.1;
  return {
    sequences,
    groupSize: 1,
    length,
    headDim,
    valueDim,
    chunkSize: 32,
    splits: 2,
    causal: 0,
    normalize: 1,
    diagonal: 0,
    scale: 0.2,
    epsilon: 1e-6,
    ...NO_STATES,
    q: place(tokens * headDim, feature),
    k: place(tokens * headDim, feature),
    v: place(tokens * valueDim),
    f: place(tokens, (u) => -u),
    b: place(tokens, (u) => -u),
    y: place(tokens * valueDim),
    rowSums: place(tokens),
    dy: place(tokens * valueDim),
    dq: place(tokens * headDim),
    dk: place(tokens * headDim),
    dv: place(tokens * valueDim),
    df: place(tokens),
    db: place(tokens),
  };
}

/** Enough to be worth all threads. */
export const MANY = { operations: 1e9 };

/** The output and the gradients, as one array. */
export function solve(
  host: KernelHost,
  heap: Heap,
  job: AttentionRecord,
): number[] {
  host.run(LION_JOBS.chunkwiseForward, job, MANY);
  host.run(LION_JOBS.chunkwiseBackward, job, MANY);
  const tokens = sequences * length;
  const { buffer } = heap.memory;
  const read = (address: number, columns: number) =>
    new Float32Array(buffer, address, tokens * columns);
  return [
    ...read(job.y, valueDim),
    ...read(job.dq, headDim),
    ...read(job.dk, headDim),
    ...read(job.dv, valueDim),
    ...read(job.df, 1),
    ...read(job.db, 1),
  ];
}
