/** An operation is a folder: nothing else is written to add one to the module. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { KernelHost } from "../../../lib/tfjs/wasm/host.ts";
import { compile, operationsSource } from "../../../tools/kernels/build.ts";
import {
  lionModule,
  operationFolders,
  operationsWith,
} from "../../../tools/kernels/modules.ts";
import { heapOf } from "./attention_job.ts";

const LIB = new URL("../../../lib/", import.meta.url);

/** The description of an operation in WebAssembly. */
const WASM = `
import { addresses, integers, jobsOf } from "${LIB.href}tfjs/wasm/job.ts";
export const JOBS = jobsOf({
  doubledRows: { ...integers("size"), ...addresses("x", "y") },
});
export function register() {}
`;

/** And for WebGPU, or without jobs. */
const REGISTERED = "export function register() {}";

/** What its tasks do. */
const ASSEMBLY = `
import { doubledRows as job } from "./records";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";
export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, job.size);
}
export function perform(phase: i32, task: i32): void {
  for (let i = 0; i < job.size; i++) {
    store<f32>(job.y + 4 * i, 2 * load<f32>(job.x + 4 * i));
  }
}
`;

Deno.test("an operation that is added as a folder has a job in the module", async () => {
  const folder = await Deno.makeTempDir();
  const lib = new URL(`file://${folder}/`);
  try {
    for (const room of ["tfjs", "kernels"]) {
      await Deno.symlink(new URL(room, LIB), new URL(room, lib));
    }
    const assembly = new URL("operations/doubled/assembly/", lib);
    await Deno.mkdir(assembly, { recursive: true });
    await Deno.writeTextFile(new URL("../wasm.ts", assembly), WASM);
    await Deno.writeTextFile(new URL("doubled_rows.ts", assembly), ASSEMBLY);

    await Deno.writeTextFile(new URL("../webgpu.ts", assembly), REGISTERED);
    // An operation that runs on the host, or by jobs of others, has none of its own.
    const hosted = new URL("operations/hosted/", lib);
    await Deno.mkdir(hosted);
    await Deno.writeTextFile(new URL("wasm.ts", hosted), REGISTERED);
    for (const file of ["wasm.ts", "webgpu.ts"] as const) {
      assertStringIncludes(
        operationsSource(await operationsWith(file, lib), file),
        `import * as doubled from "../../../operations/doubled/${file}";`,
      );
    }

    assertEquals(await operationsWith("wasm.ts", lib), ["doubled", "hosted"]);
    const operations = await operationFolders(lib);
    assertEquals(operations.map(({ name }) => name), ["doubled"]);
    const module = lionModule(operations), { jobs } = module;
    const binary = await compile(module, false, lib);
    const heap = heapOf(true), host = new KernelHost(heap, [{ binary, jobs }]);
    const [x, y] = [heap.allocate(16), heap.allocate(16)];
    const values = (at: number) => new Float32Array(heap.memory.buffer, at, 4);
    values(x).set([1, -2, 3, 0.5]);
    host.run(jobs["doubledRows"]!, { size: 4, x, y }, { operations: 4 });
    assertEquals([...values(y)], [2, -4, 6, 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
