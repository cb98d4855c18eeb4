import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { limitsOf } from "../../lib/tfjs/kernel/limits.ts";
import { type BackendName, useBackend } from "../../mod.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { withProperty } from "./with_property.ts";

/** Runs with another answer of navigator.gpu.requestAdapter(). */
async function withAdapter(
  adapter: (real: GPUAdapter | null) => unknown,
  run: () => Promise<void>,
): Promise<void> {
  const { gpu } = navigator;
  const real = await gpu.requestAdapter();
  Object.defineProperty(gpu, "requestAdapter", {
    value: () => Promise.resolve(adapter(real)),
    configurable: true,
  });
  try {
    await run();
  } finally {
    // What is left is the method of the prototype.
    Reflect.deleteProperty(gpu, "requestAdapter");
  }
}

onEachBackend("useBackend() starts what is preferred", async (backend) => {
  const info = await useBackend({ prefer: [backend] });
  assertEquals(info.name, backend);
  assertEquals(tf.getBackend(), backend);
  assertEquals(info.adapter !== undefined, backend === "webgpu");
  if (backend === "webgpu") {
    // More than the defaults of WebGPU, which stock tfjs gets.
    assert(info.limits["maxStorageBuffersPerShaderStage"]! >= 8);
    assert(info.limits["maxBufferSize"]! > 2 ** 28);
    assert(info.features.length > 0);
  }
});

Deno.test("useBackend() takes WebAssembly before software WebGPU", async () => {
  await withAdapter(
    (real) => real && software(real),
    async () => assertEquals((await useBackend()).name, "wasm"),
  );
});

function software(real: GPUAdapter) {
  return {
    info: { ...infoOf(real), isFallbackAdapter: true },
    features: real.features,
    limits: real.limits,
    requestDevice: real.requestDevice.bind(real),
  };
}

function infoOf({ info }: GPUAdapter) {
  return { vendor: info.vendor, description: info.description };
}

Deno.test({
  name: "useBackend() takes a GPU's WebGPU before WebAssembly",
  ignore: !BACKENDS.includes("webgpu"), // no adapter to dress up as a GPU
  fn: async () => {
    await withAdapter(
      (real) => ({
        ...software(real!),
        info: {
          vendor: "acme",
          description: "A GPU",
          isFallbackAdapter: false,
        },
      }),
      async () => {
        const info = await useBackend();
        assertEquals(info.name, "webgpu");
        assertEquals(info.adapter, {
          vendor: "acme",
          architecture: "",
          description: "A GPU",
          isFallbackAdapter: false,
        });
        const x = tf.tensor1d([1, 2]);
        const y = tf.square(x);
        assertEquals([...await y.data()], [1, 4]);
        tf.dispose([x, y]);
      },
    );
  },
});

Deno.test({
  name: "useBackend() takes the GPU of another power preference",
  ignore: !BACKENDS.includes("webgpu"), // no adapter to dress up as two GPUs
  fn: async () => {
    const { gpu } = navigator;
    const requestAdapter = gpu.requestAdapter.bind(gpu);
    // As Chrome tells of GPUs of one vendor; two of them differ in a limit alone.
    const architectures = { "low-power": "gen-1", "high-performance": "gen-2" };
    const request = async (
      { powerPreference }: GPURequestAdapterOptions = {},
    ) => {
      const real = (await requestAdapter())!;
      const limits = limitsOf(real);
      if (!powerPreference) limits["maxBufferSize"]! /= 2;
      const info = {
        vendor: "acme",
        architecture: architectures[powerPreference ?? "low-power"],
        description: "",
        isFallbackAdapter: false,
      };
      return { ...software(real), info, limits };
    };
    await withProperty(gpu, "requestAdapter", request, async () => {
      const deviceOf = async (powerPreference?: GPUPowerPreference) => {
        const { adapter } = await useBackend({
          prefer: ["webgpu"],
          powerPreference,
        });
        const { device } = tf.backend() as WebGPUBackend;
        return { device, architecture: adapter!.architecture };
      };
      const own = await deviceOf();
      assert((await deviceOf()).device === own.device);
      const fast = await deviceOf("high-performance");
      assertEquals(fast.architecture, "gen-2");
      assert(fast.device !== own.device);
      assert((await deviceOf("high-performance")).device === fast.device);
      const slow = await deviceOf("low-power");
      assertEquals(slow.architecture, "gen-1");
      assert(slow.device !== fast.device);
      assert((await deviceOf()).device !== slow.device);
    });
  },
});

Deno.test("useBackend() knows software where it has no description", async () => {
  for (
    const [vendor, architecture] of [["mesa", "software"], [
      "microsoft",
      "warp",
    ]]
  ) {
    await withAdapter(
      () => ({ info: { vendor, architecture, description: "" } }),
      async () => {
        const { name, skipped } = await useBackend();
        assertEquals(name, "wasm");
        assertEquals(
          skipped.webgpu,
          `the adapter ${vendor} ${architecture} is a software one`,
        );
      },
    );
  }
});

Deno.test("useBackend() says why a missing backend does not start", async () => {
  await withAdapter(() => null, async () => {
    await assertRejects(
      () => useBackend({ prefer: ["webgpu"] }),
      RangeError,
      "No backend among webgpu starts here; webgpu: no WebGPU adapter was found",
    );
    assertEquals((await useBackend({ prefer: ["webgpu", "cpu"] })).name, "cpu");
    assertEquals((await useBackend()).name, "wasm");
  });
});

Deno.test("useBackend() refuses unknown names", async () => {
  await assertRejects(
    () => useBackend({ prefer: ["cuda" as BackendName] }),
    RangeError,
    'prefer should hold "webgpu", "wasm" or "cpu", got "cuda"',
  );
  await assertRejects(
    () => useBackend({ prefer: [] }),
    TypeError,
    "prefer should be a list of backend names, got []",
  );
});

Deno.test("the library prints nothing by itself", async () => {
  const script = `
    import { lionAttention, useBackend } from "${new URL(
    "../../mod.ts",
    import.meta.url,
  )}";
    import * as tf from "@tensorflow/tfjs-core";
    for (const name of ["wasm", "cpu"]) {
      await useBackend({ prefer: [name] });
      const x = tf.ones([1, 1, 2, 2]);
      await lionAttention(x, x, x).data();
    }
  `;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stderr) + text.decode(stdout), "");
  assertEquals(code, 0);
});
