import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  disposeBackend,
  lionAttention,
  selectiveDecay,
  useBackend,
} from "../../mod.ts";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import type { TuningNumbers } from "../../lib/kernels/tuning.ts";
import { BACKENDS } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { withProperty } from "./with_property.ts";

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

/** Runs with timers that take a hundredth of their time. */
function inHaste(run: () => Promise<void>): Promise<void> {
  const real = globalThis.setTimeout;
  const timer = (call: () => void, milliseconds = 0) =>
    real(call, milliseconds / 100);
  return withProperty(globalThis, "setTimeout", timer, run);
}

/** Never answers. */
const never = <T>() => new Promise<T>(() => {});

Deno.test("a tuning function that never answers blocks no later call", () =>
  inHaste(async () => {
    const hanging = useBackend({
      prefer: ["wasm"],
      tuning: asTuning(() => never()),
    });
    const other = useBackend({
      prefer: ["wasm", "cpu"],
      tuning: asTuning(() => never()),
    });
    const overtaken = [hanging, other].map((call) =>
      assertRejects(
        () => call,
        Error,
        "no answer from the function that finds the tuning for 5 s",
      )
    );
    const { name } = await useBackend({ prefer: ["cpu"] });
    assertEquals([name, tf.getBackend()], ["cpu", "cpu"]);
    await Promise.all(overtaken);
    // Nor what gives the backend back.
    const last = useBackend({
      prefer: ["wasm"],
      tuning: asTuning(() => never()),
    });
    const refused = assertRejects(() => last, Error, "a later call began");
    await disposeBackend();
    await refused;
    assertEquals((await useBackend({ prefer: ["wasm"] })).name, "wasm");
  }));

Deno.test("a call that was overtaken changes nothing when its answer comes", () =>
  inHaste(async () => {
    let answer: (tuning: TuningNumbers) => void;
    const slow = useBackend({
      prefer: ["wasm"],
      tuning: asTuning(() => new Promise((resolve) => answer = resolve)),
    });
    const refused = assertRejects(() => slow, Error, "a later call began");
    await useBackend({ prefer: ["cpu"] });
    answer!({ threads: 1 });
    await refused;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assertEquals(tf.getBackend(), "cpu");
  }));

Deno.test("a slow tuning function keeps its turn, and its place if nobody waits", () =>
  inHaste(async () => {
    const later = (milliseconds: number) =>
      asTuning(() =>
        new Promise((resolve) =>
          setTimeout(() => resolve({ threads: 1 }), milliseconds)
        )
      );
    const [one, two] = await Promise.all([
      useBackend({ prefer: ["wasm"], tuning: later(2_000) }),
      useBackend({ prefer: ["cpu"] }),
    ]);
    assertEquals([one.threads, two.name, tf.getBackend()], [1, "cpu", "cpu"]);
    const alone = await useBackend({ prefer: ["wasm"], tuning: later(9_000) });
    assertEquals([alone.threads, tf.getBackend()], [1, "wasm"]);
  }));

Deno.test("a tuning function that itself calls useBackend() does not wait for itself", () =>
  inHaste(async () => {
    let inner: BackendName | undefined;
    await assertRejects(
      () =>
        useBackend({
          prefer: ["wasm"],
          tuning: asTuning(async () => {
            inner = (await useBackend({ prefer: ["cpu"] })).name;
            return undefined;
          }),
        }),
      Error,
      "a later call began",
    );
    while (!inner) await new Promise((resolve) => setTimeout(resolve, 100));
    assertEquals([inner, tf.getBackend()], ["cpu", "cpu"]);
  }));

Deno.test("an adapter that never answers is one that is not there", () =>
  inHaste(() =>
    withProperty(console, "warn", () => {}, () =>
      withProperty(
        navigator,
        "gpu",
        { requestAdapter: () => never() },
        async () => {
          const { name, skipped } = await useBackend();
          assertEquals(name, "wasm");
          assertEquals(
            skipped.webgpu,
            "navigator.gpu.requestAdapter() did not answer within 20 s",
          );
        },
      ))
  ));

Deno.test("a device that never answers is one that is not there", () =>
  inHaste(async () => {
    const adapter = {
      info: { vendor: "acme", description: "A GPU", isFallbackAdapter: false },
      features: new Set(),
      limits: {},
      requestDevice: () => never(),
    };
    const gpu = { requestAdapter: () => Promise.resolve(adapter) };
    await withProperty(navigator, "gpu", gpu, async () => {
      await assertRejects(
        () => useBackend({ prefer: ["webgpu"] }),
        RangeError,
        "webgpu: a device of the adapter A GPU did not answer within 20 s",
      );
    });
  }));

Deno.test("files that never arrive block no later call", () =>
  inHaste(async () => {
    await disposeBackend();
    const missing = withProperty(
      globalThis,
      "fetch",
      () => never(),
      async () => {
        await assertRejects(
          () =>
            useBackend({ prefer: ["wasm"], wasmPath: "https://x.example/" }),
          Error,
          "no answer from what loads TensorFlow.js's WebAssembly file",
        );
      },
    );
    assertEquals((await useBackend({ prefer: ["wasm"] })).name, "wasm");
    await missing;
    assertEquals([...await tf.add(1, 2).data()], [3]);
  }));
