import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  lionAttention,
  profile,
  selectiveDecay,
  useBackend,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

const [length, headDim] = [512, 64];
const vectorBytes = 4 * length * headDim;

/** A sequence with decays. */
function inputs(): { x: tf.Tensor4D; g: tf.Tensor3D } {
  const shape: [number, number, number, number] = [1, 1, length, headDim];
  return {
    x: tf.randomUniform<tf.Rank.R4>(shape, 0, 1, "float32", 1),
    g: tf.fill<tf.Rank.R3>([1, 1, length], -0.1),
  };
}

onEachBackend(
  "profile() knows the bytes of a kernel, and leaves nothing behind",
  async (backend) => {
    const [a, b] = [tf.ones([100, 50]), tf.ones([50, 30])];
    const before = tf.memory().numTensors;
    const found = await profile(() => tf.matMul(a, b), { runs: 2 });
    assertEquals(tf.memory().numTensors, before);
    assertEquals(found.backend, backend);
    const [product] = found.kernels.filter(({ kernel }) =>
      kernel === "BatchMatMul"
    );
    assertEquals(product!.calls, 1);
    assertEquals(product!.bytes, 4 * (100 * 50 + 50 * 30 + 100 * 30));
    // Its output, and what it may need beside it.
    assertLess(4 * 100 * 30 - 1, product!.newBytes);
    assertLess(
      found.bytesBefore + 4 * 100 * 30 - 1,
      found.peakBytes,
    );
    // Free buffers are held, too, but for cpu, where the tensors are.
    assertLess(found.bytesBefore - 1, found.heldBytes);
    if (backend !== "cpu") assertLess(found.peakBytes - 1, found.heldBytes);
    const sum = found.kernels.reduce((sum, { share }) => sum + share, 0);
    if (found.clock !== "none") assertAlmostEquals(sum, 1, 1e-9);
    tf.dispose([a, b]);
  },
);

onEachBackend(
  "profile() finds each kernel of attention once, its gradient's too",
  async () => {
    const { x, g } = inputs();
    const attend = (...[q, k, v, g]: tf.Tensor[]) =>
      lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        decay: selectiveDecay(g as tf.Tensor3D),
        form: "chunkwise",
      });
    const { kernels, milliseconds } = await profile(() => {
      const { value, grads } = tf.valueAndGrads(attend)([x, x, x, g]);
      return [value, ...grads];
    }, { runs: 1 });
    const names = kernels.map(({ kernel }) => kernel);
    assertEquals(new Set(names).size, names.length);
    for (const name of ["LionChunkwise", "LionChunkwiseGrad"]) {
      assertEquals(kernels.find(({ kernel }) => kernel === name)?.calls, 1);
    }
    const times = kernels.map((kernel) => kernel.milliseconds);
    assertEquals(times, times.toSorted((a, b) => b - a));
    assertLess(0, milliseconds);
    tf.dispose([x, g]);
  },
  ["wasm"],
);

onEachBackend(
  "profile() divides a kernel of WebGPU into its launches",
  async () => {
    const { x, g } = inputs();
    const run = () =>
      lionAttention(x, x, x, { decay: selectiveDecay(g), form: "chunkwise" });
    const whole = await profile(run, { runs: 1 });
    const divided = await profile(run, { runs: 1, launches: true });
    const [attention] = whole.kernels.filter(({ kernel }) =>
      kernel === "LionChunkwise"
    );
    const launches = divided.kernels.filter(({ kernel }) =>
      kernel.startsWith("LionChunkwise: ")
    );
    assertEquals(attention!.calls, 1);
    // States of each chunk, their sums, and the outputs.
    assertEquals(launches.reduce((sum, { calls }) => sum + calls, 0), 3);
    for (const { clock, milliseconds } of [whole, divided]) {
      assert(clock === "none" ? isNaN(milliseconds) : milliseconds > 0);
    }
    tf.dispose([x, g]);
  },
  ["webgpu"],
);

onEachBackend(
  "profile() counts scratch: chunkwise needs more than recurrent",
  async () => {
    const { x, g } = inputs();
    const peak = async (form: "chunkwise" | "recurrent") => {
      const { peakBytes, bytesBefore } = await profile(
        () => lionAttention(x, x, x, { decay: selectiveDecay(g), form }),
        { runs: 1 },
      );
      return peakBytes - bytesBefore;
    };
    const [chunkwise, recurrent] = [
      await peak("chunkwise"),
      await peak("recurrent"),
    ];
    assertLess(vectorBytes - 1, recurrent);
    assertLess(recurrent, chunkwise);
    // Again, when scratch of the run before is still there.
    assertEquals(await peak("recurrent"), recurrent);
    tf.dispose([x, g]);
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "profile() does not take what is about to be given back for what was there",
  async () => {
    const x = tf.ones([1000, 100]);
    const peak = async () => {
      const { peakBytes, bytesBefore } = await profile(() => tf.add(x, 1), {
        runs: 1,
      });
      return peakBytes - bytesBefore;
    };
    const alone = await peak();
    // On WebGPU it is in use until its commands are submitted.
    tf.dispose(tf.add(x, 2));
    assertEquals(await peak(), alone);
    assertLess(4 * x.size - 1, alone);
    x.dispose();
  },
);

onEachBackend(
  "profile() hands an exception on, and the backend goes on as before",
  async () => {
    const x = tf.ones([4, 4]);
    let runs = 0;
    const fail = () => {
      tf.dispose(tf.add(x, 1));
      // In the first two runs nothing is profiled yet.
      if (++runs === 3) throw new Error("mine");
    };
    await assertRejects(() => profile(fail), Error, "mine");
    const { engine } = tf;
    assertEquals(
      (engine() as unknown as { state: { profiling: boolean } }).state
        .profiling,
      false,
    );
    const { kernels } = await profile(() => tf.add(x, 1));
    assertEquals(kernels.map(({ kernel }) => kernel), ["Add"]);
    x.dispose();
  },
);

Deno.test("profile() refuses what is no computation, and other kernels each time", async () => {
  await useBackend({ prefer: ["wasm"] });
  await assertRejects(() => profile(3 as never), TypeError, "got number");
  await assertRejects(
    () => profile(() => {}, { run: 1 } as never),
    TypeError,
    'did you mean "runs"',
  );
  await assertRejects(() => profile(() => {}, { runs: 0 }), RangeError, "runs");
  const x = tf.ones([4]);
  let runs = 0;
  await assertRejects(
    () =>
      profile(() => {
        const more = ++runs % 2 === 0 ? [tf.add(x, 1)] : [];
        return [tf.add(x, 1), ...more];
      }),
    Error,
    "same kernels",
  );
  x.dispose();
});

Deno.test("profile() refuses to run beside another one, and leaves TensorFlow.js as it was", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { time } = tf.backend();
  const x = tf.ones([4]);
  const first = profile(() => tf.exp(x));
  await assertRejects(() => profile(() => tf.abs(x)), Error, "await it");
  const { kernels } = await first;
  assertEquals(kernels.map(({ kernel }) => kernel), ["Exp"]);
  assert(tf.backend().time === time);
  // One that has failed stands in no way.
  await assertRejects(
    () => profile(() => Promise.reject(new Error("no"))),
    Error,
    "no",
  );
  assertEquals((await profile(() => tf.abs(x))).kernels[0]!.kernel, "Abs");
  x.dispose();
});
