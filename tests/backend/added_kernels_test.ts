import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { runningWasm } from "../../lib/tfjs/backends/start_wasm.ts";
import { openBackend } from "../../lib/tfjs/mod.ts";
import { lionAttention, useBackend } from "../../mod.ts";

Deno.test("LION's kernels are added to a backend that was opened without them", async () => {
  await openBackend("wasm", { threads: 2 });
  const opened = runningWasm();
  const before = tf.tensor1d([1, 2, 3]);
  const x = tf.randomUniform<tf.Rank.R4>([1, 4, 64, 16], 0, 1, "float32", 1);
  const names = async () => {
    const { kernels } = await tf.profile(() => lionAttention(x, x, x));
    return kernels.map(({ name }) => name);
  };
  assert(!(await names()).includes("LionChunkwise"));
  const plain = await lionAttention(x, x, x).data();

  const { threads } = await useBackend({ prefer: ["wasm"], threads: 2 });
  assertEquals([threads, runningWasm()], [2, opened]);
  assertEquals(await names(), ["LionChunkwise"]);
  const fast = await lionAttention(x, x, x).data();
  fast.forEach((y, i) => assertAlmostEquals(y, plain[i]!, 1e-5));
  // Jobs of both modules, one after the other, on the same threads.
  for (let i = 0; i < 20; i++) {
    const y = tf.tidy(() =>
      tf.matMul(tf.ones([256, 256]), tf.ones([256, 256]))
    );
    assertEquals(new Set(await y.data()), new Set([256]));
    assertEquals(await lionAttention(x, x, x).data(), fast);
    y.dispose();
  }
  assertEquals([...await before.data()], [1, 2, 3]);
});
