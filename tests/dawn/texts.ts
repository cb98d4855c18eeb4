/**
 * Whether Tint, the compiler of Chrome, takes what our generators of shaders write,
 * and Dawn the calls that launch it: on an adapter that computes nothing, and has
 * the limits that WebGPU guarantees.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { disposeBackend, useBackend } from "../../mod.ts";
import { KERNEL_CASES, resultsOf } from "../kernels/webgpu/kernel_cases.ts";

const SNAPSHOTS = new URL("../kernels/webgpu/snapshots/", import.meta.url);

/** What adapters of two classes tell of themselves. */
const ADAPTERS: Readonly<Record<string, Partial<GPUAdapterInfo>>> = {
  "a card": { vendor: "nvidia", architecture: "ampere" },
  "an integrated adapter": { vendor: "intel", architecture: "gen-12lp" },
  "a software adapter": { vendor: "google", architecture: "swiftshader" },
};

Deno.test("Tint takes each text that is committed", async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
  });
  let texts = 0;
  for await (const { name } of Deno.readDir(SNAPSHOTS)) {
    const code = await Deno.readTextFile(new URL(name, SNAPSHOTS));
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    device.createComputePipeline({ layout: "auto", compute: { module } });
    const error = await device.popErrorScope();
    assertEquals(error?.message, undefined, name);
    texts++;
  }
  assert(texts > 0);
  device.destroy();
});

for (const [name, info] of Object.entries(ADAPTERS)) {
  Deno.test(`Dawn takes all kernels where ${name} asks for them`, async (t) => {
    const { gpu } = navigator;
    const requestAdapter = gpu.requestAdapter.bind(gpu);
    gpu.requestAdapter = async (options) => {
      const adapter = (await requestAdapter(options))!;
      Object.defineProperty(adapter, "info", {
        value: {
          description: "",
          device: "",
          isFallbackAdapter: false,
          ...info,
        },
      });
      return adapter;
    };
    try {
      await disposeBackend();
      const { adapter } = await useBackend({ prefer: ["webgpu"] });
      assertEquals(adapter!.vendor, info.vendor);
      tf.env().set("WEBGPU_CPU_FORWARD", false);
      for (const [name, one] of Object.entries(KERNEL_CASES)) {
        // A read fails where anything before it was refused.
        await t.step(name, async () => void await resultsOf(one));
      }
    } finally {
      gpu.requestAdapter = requestAdapter;
      await disposeBackend();
    }
  });
}
