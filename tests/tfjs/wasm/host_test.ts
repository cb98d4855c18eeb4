import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import { loadModule, unpacked } from "../../../lib/tfjs/wasm/binary.ts";
import { KernelHost } from "../../../lib/tfjs/wasm/host.ts";
import { QUEUE } from "../../../lib/tfjs/wasm/jobs.ts";
import { startThread } from "../../../lib/tfjs/wasm/thread.ts";
import { heapOf, jobIn, solve } from "../../kernels/wasm/attention_job.ts";

const MODULES = [await loadModule(LION_MODULE)];

/** Solves the attention in a way that a host may have to. */
async function solved(
  shared: boolean,
  threads: number,
  modules = MODULES,
): Promise<number[]> {
  const heap = heapOf(shared);
  const host = new KernelHost(heap, modules);
  await host.useThreads(threads);
  assertEquals(host.threads, shared ? threads : 1);
  const values = solve(host, heap, jobIn(heap));
  await host.useThreads(1);
  return values;
}

function assertSame(actual: number[], expected: number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((x, i) => assertAlmostEquals(x, expected[i]!, 1e-4));
  assert(Math.max(...actual.map(Math.abs)) > 1);
}

const alone = await solved(true, 1);

Deno.test("KernelHost computes the same on one thread and on several", async () => {
  // Tasks are the same ones, so that nothing is added in another order.
  for (const threads of [2, 3, 5]) {
    assertEquals(await solved(true, threads), alone);
  }
});

Deno.test("KernelHost computes the same in wide tiles and in narrow ones, bit by bit", () => {
  for (const wideTiles of [false, true]) {
    const heap = heapOf(true);
    const host = new KernelHost(heap, MODULES, { wideTiles });
    assertEquals(solve(host, heap, jobIn(heap)), alone);
  }
});

Deno.test("KernelHost computes on plain memory, and without relaxed SIMD", async () => {
  const binary = await unpacked(await LION_MODULE.strict());
  const strict = [{ ...MODULES[0]!, binary }];
  assertSame(await solved(false, 4), alone);
  assertSame(await solved(false, 1, strict), alone);
  assertSame(await solved(true, 2, strict), alone);
});

Deno.test("KernelHost raises when a thread is dead, and goes on without it", async () => {
  const heap = heapOf(true);
  let dead = false;
  const host = new KernelHost(heap, MODULES, {
    patience: 200,
    start: (options) => {
      if (!dead) return startThread(options);
      // It started, began with a job, and was never seen again.
      for (const field of ["ready", "active"]) {
        const at = (options.queue >> 2) + Object.keys(QUEUE).indexOf(field);
        Atomics.add(new Int32Array(heap.memory.buffer), at, 1);
      }
      return { stop: () => {} };
    },
  });
  const job = jobIn(heap);
  dead = true;
  await host.useThreads(3);
  assertThrows(
    () => solve(host, heap, job),
    Error,
    "A thread of the wasm backend died",
  );
  assertEquals(host.threads, 1);
  assertEquals(solve(host, heap, job), alone);
  dead = false;
  await host.useThreads(3);
  assertEquals(solve(host, heap, job), alone);
  await host.useThreads(1);
});

const UNCHECKED = Deno.env.get("DENO_V8_FLAGS")
  ?.includes("--no-wasm-bounds-checks") ?? false;
if (UNCHECKED) {
  console.warn("SKIPPED a thread that traps: no access is checked");
}

Deno.test({
  name: "KernelHost raises when a thread traps, without waiting",
  ignore: UNCHECKED,
  fn: async () => {
    const heap = heapOf(true);
    const host = new KernelHost(heap, MODULES, {
      start: (options) =>
        // Its scratch lies beyond the memory.
        startThread({ ...options, thread: 2 ** 20 }),
    });
    await host.useThreads(2);
    const started = performance.now();
    // On a busy machine a job may be done before the thread has come to it.
    const solveOnAndOn = () => {
      while (performance.now() - started < 4000) {
        solve(host, heap, jobIn(heap));
      }
    };
    assertThrows(solveOnAndOn, Error, "thread");
    assert(performance.now() - started < 5000);
    await host.useThreads(1);
  },
});

/** A module that exports nothing. */
const EMPTY = new WebAssembly.Module(
  new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
);

Deno.test("KernelHost says when a thread does not start", async () => {
  const host = new KernelHost(heapOf(true), MODULES, {
    start: (options) => startThread({ ...options, modules: [EMPTY] }),
  });
  await assertRejects(() => host.useThreads(2), Error, "did not start");
});

Deno.test("KernelHost clears the vectors after each job, where they are wide", () => {
  for (const wideTiles of [false, true]) {
    const heap = heapOf(true);
    let cleared = 0;
    const host = new KernelHost(heap, MODULES, {
      wideTiles,
      clear: () => cleared++,
    });
    const job = jobIn(heap);
    for (let i = 0; i < 3; i++) solve(host, heap, job);
    const jobs = cleared;
    solve(host, heap, job);
    // A solution takes a job forward and one backward.
    assertEquals([jobs, cleared], wideTiles ? [6, 8] : [0, 0]);
  }
});
