import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { useBackend } from "@lionjs/lion";
import { assertEquals } from "@std/assert";
import { addressOf } from "../../../lib/tfjs/wasm/address.ts";
import { ALIGNMENT } from "../../../lib/tfjs/wasm/queue.ts";

Deno.test("tensors begin a cache line each, and give all of it back [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const wasm = tf.backend() as BackendWasm;
  const { HEAPU8 } = wasm.wasm as unknown as { HEAPU8: Uint8Array };
  const sizes = [16, 17, 100, 1000, 65_536];
  // Four times the memory there is: without any of it given back it would grow.
  const rounds = Math.ceil(4 * HEAPU8.length / 4 / sizes.at(-1)!);
  for (let round = 0; round < rounds; round++) {
    const tensors = sizes.map((size) => tf.fill([size], round));
    for (const tensor of tensors) {
      assertEquals(addressOf(wasm, tensor) % ALIGNMENT, 0);
    }
    // What is in one is not in its neighbours.
    for (const tensor of round === 0 ? tensors : []) {
      assertEquals(new Set(await tensor.data()), new Set([round]));
    }
    tf.dispose(tensors);
  }
  const { HEAPU8: now } = wasm.wasm as unknown as { HEAPU8: Uint8Array };
  assertEquals(now.length, HEAPU8.length);
});
