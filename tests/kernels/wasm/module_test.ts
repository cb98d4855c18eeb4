import { assertEquals } from "@std/assert";
import { bestBinary } from "../../../lib/kernels/wasm/binary.ts";
import {
  type Job,
  type JobName,
  KernelHost,
} from "../../../lib/tfjs/wasm/host.ts";
import { JOBS } from "../../../lib/tfjs/wasm/jobs.ts";
import { withPlainMemory } from "../../../lib/tfjs/wasm/shared_memory.ts";
import { heapOf } from "./attention_job.ts";

const BINARY = await bestBinary();

/** What the module divides by. */
const DIVISORS = new Set([
  "batch",
  "inner",
  "columns",
  "chunkSize",
  "groupSize",
  "splits",
  "parts",
  "repeats",
  "reduced",
  "rowsPerTask",
  "columnsPerTask",
  "sizePerTask",
]);

Deno.test("the module knows what to do with each record of the host", () => {
  const host = new KernelHost(heapOf(true), BINARY);
  for (const [name, fields] of Object.entries(JOBS)) {
    // Of no rows and no tokens.
    const job = Object.fromEntries(
      Object.keys(fields).map((field) => [field, Number(DIVISORS.has(field))]),
    );
    host.run(name as JobName, job as Job<JobName>, { operations: 0 });
  }
});

Deno.test("a thread that finds no job sleeps in the host, not in the module", () => {
  // Memory that is not shared traps on a wait, which in Node 20 overwrites a variable.
  const { memory } = heapOf(false);
  const module = new WebAssembly.Module(withPlainMemory(BINARY));
  const env = { memory, now: () => performance.now() };
  const { exports } = new WebAssembly.Instance(module, { env });
  const { open, serve } = exports as Readonly<
    Record<string, (...numbers: number[]) => number>
  >;
  open!(64);
  assertEquals(serve!(1, 10), 1);
});
