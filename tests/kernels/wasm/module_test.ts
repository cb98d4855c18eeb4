import { assert } from "@std/assert";
import { moduleSource } from "../../../tools/build_kernels.ts";
import { bestBinary } from "../../../lib/kernels/wasm/binary.ts";
import {
  type Job,
  type JobName,
  KernelHost,
} from "../../../lib/tfjs/wasm/host.ts";
import { JOBS } from "../../../lib/tfjs/wasm/jobs.ts";
import { heapOf } from "./attention_job.ts";

/** What the module divides by. */
const DIVISORS = new Set([
  "batch",
  "inner",
  "columns",
  "chunkSize",
  "groupSize",
  "splits",
  "parts",
  "rowsPerTask",
  "columnsPerTask",
]);

Deno.test("the WebAssembly module is what its source builds", async () => {
  const built = await moduleSource();
  const committed = await Deno.readTextFile(
    new URL("../../../lib/kernels/wasm/module.ts", import.meta.url),
  );
  // Not assertEquals, which would print both.
  assert(built === committed, "run `deno task build` and commit the result");
});

Deno.test("the module knows what to do with each record of the host", () => {
  const host = new KernelHost(heapOf(true), bestBinary());
  for (const [name, fields] of Object.entries(JOBS)) {
    // Of no rows and no tokens.
    const job = Object.fromEntries(
      Object.keys(fields).map((field) => [field, Number(DIVISORS.has(field))]),
    );
    host.run(name as JobName, job as Job<JobName>, { operations: 0 });
  }
});
