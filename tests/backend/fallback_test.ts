import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { type BackendInfo, disposeBackend, useBackend } from "../../mod.ts";
import type { UseBackendOptions } from "../../lib/backend/use_backend.ts";
import { withProperty } from "./with_property.ts";

/** What is warned of on the console meanwhile. */
async function warnings(run: () => Promise<void>): Promise<unknown[][]> {
  const warned: unknown[][] = [];
  const warn = (...text: unknown[]) => void warned.push(text);
  await withProperty(console, "warn", warn, run);
  return warned;
}

const noAdapter = (run: () => Promise<void>) =>
  withProperty(
    navigator.gpu,
    "requestAdapter",
    () => Promise.resolve(null),
    run,
  );

/** A mistake of ours, or of a browser, on the way to WebAssembly. */
const withMistake = (cause: unknown, run: () => Promise<void>) =>
  withProperty(tf.env(), "getAsync", () => Promise.reject(cause), run);

Deno.test("a machine without a GPU is told so in skipped, and not warned", async () => {
  await noAdapter(async () => {
    let info: BackendInfo | undefined;
    const warned = await warnings(async () => {
      info = await useBackend();
    });
    assertEquals(info!.name, "wasm");
    assertEquals(info!.skipped, { webgpu: "no WebGPU adapter was found" });
    assertEquals(warned, []);
  });
});

Deno.test("who names a backend that does not start is warned, once", async () => {
  await noAdapter(async () => {
    const skipped = { webgpu: "no WebGPU adapter was found" };
    const warned = await warnings(async () => {
      for (let i = 0; i < 2; i++) {
        const info = await useBackend({ prefer: ["webgpu", "wasm"] });
        assertEquals(info.skipped, skipped);
      }
      const first = await useBackend({ prefer: ["wasm", "webgpu"] });
      assertEquals(first.skipped, {});
    });
    assertEquals(warned.map(([text]) => text), [
      "The webgpu backend did not start, so wasm computes: " +
      "no WebGPU adapter was found",
    ]);
  });
});

Deno.test({
  name: "a file that may not be read is one line, which names the permission",
  permissions: { read: false, env: "inherit", sys: "inherit" },
  fn: async () => {
    await disposeBackend();
    const warned = await warnings(async () => {
      const info = await useBackend({ prefer: ["wasm", "cpu"] });
      assertEquals(info.name, "cpu");
    });
    assertEquals(warned.map((words) => words.length), [1]);
    assertMatch(
      String(warned[0]![0]),
      /^The wasm backend did not start, so cpu computes: tfjs-backend-wasm-simd\.wasm lies at \S+, and may not be read: run again with --allow-read$/,
    );
  },
});

Deno.test("a mistake in a start does not vanish: it is warned of, and the cause of the error", async () => {
  await disposeBackend();
  const cause = new TypeError("x is not a function");
  await withMistake(cause, async () => {
    const warned = await warnings(async () => {
      await noAdapter(async () => {
        const info = await useBackend();
        assertEquals(info.name, "cpu");
        assertEquals(info.skipped, {
          webgpu: "no WebGPU adapter was found",
          wasm: "x is not a function",
        });
      });
    });
    assertEquals(warned, [[
      "The wasm backend did not start, so cpu computes: x is not a function",
      cause,
    ]]);
    const one = await assertRejects(
      () => useBackend({ prefer: ["wasm"] }),
      RangeError,
      "No backend among wasm starts here; wasm: x is not a function",
    );
    assertEquals(one.cause, cause);
    await noAdapter(async () => {
      const both = await assertRejects(
        () => useBackend({ prefer: ["webgpu", "wasm"] }),
        RangeError,
        "webgpu: no WebGPU adapter was found; wasm: x is not a function",
      );
      assertEquals((both.cause as AggregateError).errors.at(-1), cause);
    });
  });
  await withMistake("not even an Error", async () => {
    await assertRejects(
      () => useBackend({ prefer: ["wasm"] }),
      RangeError,
      "wasm: not even an Error",
    );
  });
  // A call that failed is no obstacle to the next.
  assertEquals((await useBackend({ prefer: ["wasm"] })).name, "wasm");
});

Deno.test("threads that do not start are said, and the backend computes without", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  class Worker {
    constructor() {
      throw new Error("no more processes");
    }
  }
  const warned = await warnings(async () => {
    await withProperty(
      process,
      "getBuiltinModule",
      () => ({ Worker }),
      async () => {
        const info = await useBackend({ prefer: ["wasm"], threads: 3 });
        assertEquals(info.threads, 1);
        assertEquals(info.skipped, { threads: "no more processes" });
      },
    );
  });
  assertEquals(warned.length, 1);
  assertEquals(
    warned[0]![0],
    "The wasm backend computes with fewer threads: no more processes",
  );
  const { threads, skipped } = await useBackend({
    prefer: ["wasm"],
    threads: 3,
  });
  assertEquals({ threads, skipped }, { threads: 3, skipped: {} });
});

Deno.test("useBackend() refuses options that it does not have", async () => {
  const refused: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ["gpu", RangeError, 'should hold "webgpu", "wasm" or "cpu", got "gpu"'],
    [3, TypeError, "got number"],
    [["wasm"], TypeError, "got an array"],
    [{ prefers: ["cpu"] }, TypeError, 'did you mean "prefer"?'],
    [{ wasmpath: "x" }, TypeError, 'did you mean "wasmPath"?'],
    [{ prefer: "wasm" }, TypeError, 'a list of backend names, got "wasm"'],
    [{ threads: 0 }, RangeError, "threads should be a positive integer, got 0"],
    [{ threads: "2" }, TypeError, "threads should be a number, got string"],
    [{ powerPreference: "low" }, RangeError, 'got "low"'],
    [{ wasmPath: 1 }, TypeError, "wasmPath should be a path or a URL, got 1"],
  ];
  for (const [options, kind, message] of refused) {
    await assertRejects(
      () => useBackend(options as UseBackendOptions),
      kind as typeof TypeError,
      message,
    );
  }
});
