/** A memory without tfjs, in which jobs are watched. @module */
import { assert } from "@std/assert";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import { loadModule } from "../../../lib/tfjs/wasm/binary.ts";
import { KernelHost, type RunOptions } from "../../../lib/tfjs/wasm/host.ts";
import type { Job, JobRecord } from "../../../lib/tfjs/wasm/job.ts";
import { MODULE } from "../../../lib/tfjs/wasm/module.ts";

const MEBIBYTE = 2 ** 20;
const memory = new WebAssembly.Memory({
  initial: 256,
  maximum: 1024,
  shared: true,
});
// Tensors have the first part of the memory, scratch the rest.
const TENSORS = 64;
let scratch = 4 * MEBIBYTE;
/** Behind a job's scratch: numbers that nobody may write. */
const GUARD = { size: 2 ** 14, value: 0x5a5a5a5a };
let ofScratch = 0;
/** Runs jobs in that memory. */
export const host = new KernelHost(
  {
    memory,
    allocate: (bytes) => {
      const address = scratch;
      // The queue, which is allocated too, is smaller.
      if (bytes > 500) ofScratch = address;
      // Behind it, the guard has room: what is allocated next may be a queue.
      scratch += bytes + 4 * GUARD.size;
      const missing = scratch - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
      return address;
    },
    free: () => {},
    // Other tests have narrow tiles, unless V8 has vectors of 256 bits.
  },
  await Promise.all([MODULE, LION_MODULE].map(loadModule)),
  { wideTiles: true },
);

/** Runs a job; throws if it writes beyond its scratch. */
export function runGuarded<J extends Job>(
  job: J,
  record: JobRecord<J>,
  fill?: RunOptions["fill"],
): void {
  const options = { operations: 1e9, ...(fill ? { fill } : {}) };
  // Before the guard is laid, lest it be in scratch that is yet to be reserved.
  host.run(job, record, options);
  const begin = Math.ceil(ofScratch / 64) * 64;
  const end = begin + host.scratchBytes(job, record, options);
  const guard = new Int32Array(memory.buffer, end, GUARD.size);
  guard.fill(GUARD.value);
  host.run(job, record, options);
  assert(
    guard.every((x) => x === GUARD.value),
    `${job.name} needs more scratch`,
  );
}

/** Places for the arrays of a job, which take those of the job before. */
export function arraysIn(): {
  input(values: Float32Array): Float32Array<ArrayBufferLike>;
  output(size: number): Float32Array<ArrayBufferLike>;
} {
  let next = TENSORS;
  const array = (size: number) => {
    const values = new Float32Array(memory.buffer, next, size);
    next += 4 * size;
    return values;
  };
  return {
    input: (values) => {
      const place = array(values.length);
      place.set(values);
      return place;
    },
    // NaN where the kernel should write.
    output: (size) => array(size).fill(NaN),
  };
}
