import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { disposeBackend, lionAttention, useBackend } from "../../mod.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { collectGarbage } from "../collect_garbage.ts";

/** An attention large enough for several threads; its first number. */
async function attend(): Promise<number> {
  const y = tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 512, 32]);
    return lionAttention(x, x, x);
  });
  const [first] = await y.data();
  y.dispose();
  return Math.round(first! * 1e4) / 1e4;
}

onEachBackend(
  "what was given back is an error to use, and starts anew",
  async (backend) => {
    for (let round = 0; round < 3; round++) {
      await useBackend({ prefer: [backend], threads: 3 });
      assertEquals(await attend(), 1);
      // One without the other's help too: kernels of tfjs, and a read.
      const x = tf.tidy(() => tf.exp(tf.zeros([2, 3])));
      await disposeBackend();
      await disposeBackend();
      await assertRejects(() => x.data(), Error, "call useBackend()");
      assertThrows(() => tf.exp(x), Error, "call useBackend()");
      assertThrows(
        () =>
          tf.tidy(() => tf.sum(tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])))),
        Error,
        "call useBackend()",
      );
      x.dispose();
    }
    await useBackend({ prefer: [backend], threads: 2 });
    assertEquals(await attend(), 1);
  },
  {
    only: ["webgpu", "wasm"],
    dataLeftBy:
      "tfjs-webgpu, which keeps count of what commands of a device that is gone still use",
  },
);

Deno.test("disposing of nothing, or beside a start, is no error", async () => {
  await disposeBackend();
  await useBackend({ prefer: ["cpu"] });
  await disposeBackend();
  assertEquals(await attend(), 1);
  const [, info] = await Promise.all([
    disposeBackend(),
    useBackend({ prefer: ["wasm"], threads: 2 }),
    disposeBackend(),
    useBackend({ prefer: ["wasm"], threads: 3 }),
    disposeBackend(),
  ]);
  assertEquals(info.threads, 2);
  await assertRejects(attend, Error, "call useBackend()");
  await useBackend({ prefer: ["wasm"], threads: 2 });
  assertEquals(await attend(), 1);
});

Deno.test({
  name: "the GPU's device is destroyed [webgpu]",
  ignore: !BACKENDS.includes("webgpu"),
  fn: async () => {
    await useBackend({ prefer: ["webgpu"] });
    const { device } = tf.backend() as WebGPUBackend;
    await disposeBackend();
    assertEquals((await device.lost).reason, "destroyed");
  },
});

Deno.test({
  name: "WebAssembly's memory goes [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const start = async () => {
      await useBackend({ prefer: ["wasm"], threads: 2 });
      assertEquals(await attend(), 1);
      const { wasm } = tf.backend() as unknown as {
        wasm: { asm: { memory: WebAssembly.Memory } };
      };
      return new WeakRef(wasm.asm.memory);
    };
    const memory = await start();
    assert(memory.deref());
    await disposeBackend();
    for (let i = 0; i < 20 && memory.deref(); i++) {
      await new Promise((go) => setTimeout(go, 50));
      collectGarbage();
    }
    assertEquals(memory.deref(), undefined);
    await useBackend({ prefer: ["wasm"] });
  },
});
