import { assertEquals } from "@std/assert";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import { loadModule } from "../../../lib/tfjs/wasm/binary.ts";
import { KernelHost } from "../../../lib/tfjs/wasm/host.ts";
import { MODULE } from "../../../lib/tfjs/wasm/module.ts";
import { withPlainMemory } from "../../../lib/tfjs/wasm/shared_memory.ts";
import { heapOf } from "./attention_job.ts";

const MODULES = await Promise.all([MODULE, LION_MODULE].map(loadModule));

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
  "steps",
  "reduced",
  "rowsPerTask",
  "columnsPerTask",
  "sizePerTask",
]);

Deno.test("the modules know what to do with each record of the host", () => {
  const host = new KernelHost(heapOf(true), MODULES);
  for (const job of MODULES.flatMap(({ jobs }) => Object.values(jobs))) {
    // Of no rows and no tokens.
    const record = Object.fromEntries(
      Object.keys(job.fields)
        .map((field) => [field, Number(DIVISORS.has(field))]),
    );
    host.run(job, record, { operations: 0 });
  }
});

Deno.test("a thread that finds no job sleeps in the host, not in the module", () => {
  // Memory that is not shared traps on a wait, which in Node 20 overwrites a variable.
  const { memory } = heapOf(false);
  for (const { binary } of MODULES) {
    const module = new WebAssembly.Module(withPlainMemory(binary));
    const env = { memory, now: () => performance.now() };
    const { exports } = new WebAssembly.Instance(module, { env });
    const { open, serve } = exports as Readonly<
      Record<string, (...numbers: number[]) => number>
    >;
    open!(64, 0);
    assertEquals(serve!(1, 10), -1);
  }
});
