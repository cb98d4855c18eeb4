import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionAttention, selectiveDecay, useBackend } from "../../mod.ts";
import { BACKENDS } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** Attentions between two looks at what the others do. */
const PER_CALL = 50;

/** What an attention is computed of: enough to be worth several threads. */
function inputs() {
  const [batch, heads, length, dim] = [1, 2, 512, 32];
  const random = uniform(3);
  const make = (change?: (u: number) => number) => {
    const values = array(batch * heads * length * dim, random, change);
    return tf.tensor4d(values, [batch, heads, length, dim]);
  };
  const positive = (u: number) => u + 0.1;
  const decays = array(batch * heads * length, random, (u) => -u);
  return {
    q: make(positive),
    k: make(positive),
    v: make(),
    logDecay: tf.tensor3d(decays, [batch, heads, length]),
  };
}

function attend({ q, k, v, logDecay }: ReturnType<typeof inputs>): tf.Tensor {
  return tf.tidy(() =>
    lionAttention(q, k, v, { decay: selectiveDecay(logDecay) })
  );
}

Deno.test({
  name: "1,000 attentions are right while useBackend() calls overlap [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    await useBackend({ prefer: ["wasm"], threads: 1 });
    const tensors = tf.memory().numTensors;
    const given = inputs();
    const reference = attend(given);
    const expected = await reference.data();
    reference.dispose();
    assert(expected.some((x) => Math.abs(x) > 0.1));

    let wrong = 0, done = 0;
    const caller = async (first: number) => {
      for (let i = 0; i < 1000 / 4 / PER_CALL; i++) {
        const call = useBackend({
          prefer: ["wasm"],
          threads: 1 + (first + i) % 4,
        });
        for (let j = 0; j < PER_CALL; j++) {
          const y = attend(given);
          const actual = await y.data();
          y.dispose();
          done++;
          const isRight = (x: number, at: number) =>
            Math.abs(x - expected[at]!) < 1e-5;
          if (!actual.every(isRight)) wrong++;
          // Timers, so that the threads of other calls get on meanwhile.
          if (j % 5 === 0) await new Promise((go) => setTimeout(go));
        }
        const { name } = await call;
        assertEquals(name, "wasm");
      }
    };
    await Promise.all([0, 1, 2, 3].map(caller));
    assertEquals({ wrong, done }, { wrong: 0, done: 1000 });
    tf.dispose(given);
    assertEquals(tf.memory().numTensors, tensors);
  },
});

Deno.test("overlapping calls open a backend once, and the last one decides", async () => {
  const names = ["wasm", "cpu", "wasm", "cpu"] as const;
  const [first, ...others] = await Promise.all(
    names.map(async (name) => {
      const info = await useBackend({ prefer: [name], threads: 2 });
      return { info, backend: tf.findBackend(name) };
    }),
  );
  assertEquals(tf.getBackend(), "cpu");
  assert(others[1]!.backend === first!.backend);
  assertEquals(first!.info, others[1]!.info);
});

Deno.test({
  name: "overlapping calls keep one GPU device [webgpu]",
  ignore: !BACKENDS.includes("webgpu"),
  fn: async () => {
    const opened = await Promise.all([0, 1, 2].map(async () => {
      await useBackend({ prefer: ["webgpu"] });
      const x = tf.add(tf.ones([2]), 1);
      return { backend: tf.backend(), values: [...await x.data()] };
    }));
    for (const { backend, values } of opened) {
      assert(backend === opened[0]!.backend);
      assertEquals(values, [2, 2]);
    }
  },
});
