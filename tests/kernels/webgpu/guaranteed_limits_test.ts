/**
 * Every kernel on a device that has what WebGPU guarantees and no more, such as
 * eight storage buffers: all of them run there, and compute what WebAssembly does.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  disposeBackend,
  explainAttention,
  lionAttention,
  useBackend,
} from "../../../mod.ts";
import {
  BACKENDS,
  GUARANTEED_BUFFERS,
  onEachBackend,
  storageBuffersOf,
} from "../../backends.ts";
import {
  allResults,
  compiledTexts,
  errorOf,
  KERNEL_CASES,
  missingOf,
  resultsOf,
} from "./kernel_cases.ts";
import { withLimits } from "./with_limits.ts";

/** Runs a function where devices are opened with what WebGPU guarantees alone. */
async function onGuaranteedDevice(run: () => Promise<void>): Promise<void> {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function () {
    return requestDevice.call(this, {});
  };
  try {
    await disposeBackend();
    await useBackend({ prefer: ["webgpu"] });
    tf.env().set("WEBGPU_CPU_FORWARD", false);
    await run();
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
    await disposeBackend();
  }
}

Deno.test({
  name: "every kernel runs where a device has what WebGPU guarantees [webgpu]",
  ignore: !BACKENDS.includes("webgpu"),
  fn: async (t) => {
    await useBackend({ prefer: ["wasm"] });
    const expected = await allResults();
    await onGuaranteedDevice(async () => {
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      const { limits } = device;
      assertEquals(limits.maxStorageBuffersPerShaderStage, GUARANTEED_BUFFERS);
      const compiled = compiledTexts();
      const { numTensors } = tf.memory();
      for (const [name, c] of Object.entries(KERNEL_CASES)) {
        await t.step(name, async () => {
          const found = await resultsOf(c);
          assertLess(errorOf(found, expected.get(name)!), 1e-5);
          assertEquals(missingOf(c, compiled), []);
        });
      }
      for (const { label, code } of compiled) {
        assert(storageBuffersOf(code) <= GUARANTEED_BUFFERS, label);
      }
      assertEquals(tf.memory().numTensors, numTensors);
    });
  },
});

onEachBackend(
  "a device that lacks something is warned of once, and explained",
  async () => {
    const warnings: string[] = [];
    const { warn } = console;
    console.warn = (text: string) => void warnings.push(text);
    const attend = (kernel: boolean) => {
      const [q, k, v] = [1, 2, 3].map((seed) =>
        tf.randomUniform([1, 2, 20, 4], 0, 1, "float32", seed)
      );
      const { kernel: runs, reason } = explainAttention(q!, k!, v!, { kernel });
      return { y: lionAttention(q!, k!, v!, { kernel }), runs, reason };
    };
    try {
      await withLimits({ maxStorageBuffersPerShaderStage: 7 }, async () => {
        const found = tf.tidy(() => [attend(true).y, attend(true).y]);
        const expected = tf.tidy(() => attend(false).y);
        assertEquals(await found[1]!.data(), await expected.data());
        tf.dispose([...found, expected]);
        tf.tidy(() => {
          const { runs, reason } = attend(true);
          assertEquals(runs, null);
          assertMatch(reason, /binds 7 storage buffers/);
        });
      });
    } finally {
      console.warn = warn;
    }
    assertEquals(warnings.length, 1);
    assertMatch(warnings[0]!, /operations are slower.*binds 7 storage/);
  },
  ["webgpu"],
);
