/** States of chunks that are scanned or not, in one buffer or in passes, and numbers of 16 bits. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { explainAttention, selectiveDecay, useBackend } from "../../../mod.ts";
import { asTuning } from "../../../lib/backend/tuning_source.ts";
import { onEachBackend } from "../../backends.ts";
import { largest } from "../../comparison.ts";
import { ofLongTests, sample } from "../../sample.ts";
import { LION, type LionCase } from "../../subjects/lion.ts";
import { failuresOf, resultOf } from "../../subjects/subject.ts";
import { withLimits } from "./with_limits.ts";

/** Attention with decays, of all chunks at most. */
const failures = (c: Partial<LionCase>, chunkSize: number) =>
  failuresOf(
    LION,
    {
      ...{ batch: 1, heads: 2, length: 17, headDim: 4, valueDim: 3 },
      ...{ decay: "source", causal: false, normalize: true, ...c },
    },
    "webgpu",
    { form: "chunkwise", chunkSize },
  );

/** What is planned with a chunk a token. */
const planOf = (heads: number, length: number, headDim: number) =>
  tf.tidy(() => {
    const x = tf.ones([1, heads, length, headDim]);
    const v = tf.ones([1, heads, length, headDim - 1]);
    const decay = selectiveDecay(tf.zeros([1, heads, length]));
    return explainAttention(x, x, v, { decay, chunkSize: 1 }).reason;
  });

onEachBackend(
  "states of few chunks, which are not scanned, are those of more and of one",
  async () => {
    // As many as on a card.
    const chunkwise = { unscannedChunks: 4 } as const;
    const tuning = asTuning({ webgpu: { all: { chunkwise } } });
    await useBackend({ prefer: ["webgpu"], tuning });
    for (const causal of [false, true]) {
      // One chunk has no states; those of more than four are scanned.
      for (const chunkSize of [17, 9, 6, 5, 4]) {
        assertEquals(await failures({ causal }, chunkSize), []);
      }
    }
  },
  ["webgpu"],
);

onEachBackend(
  "states that fit no buffer together take passes",
  async () => {
    const c = { heads: 6, length: 60, headDim: 8, valueDim: 7 };
    assert(planOf(6, 60, 8).startsWith("webgpu, 4 launches"));
    // States of five heads, with a chunk a token, in both directions.
    const maxStorageBufferBindingSize = 5 * 60 * 2 * 8 * 8 * 4;
    await withLimits({ maxStorageBufferBindingSize }, async () => {
      assert(planOf(6, 60, 8).startsWith("webgpu, 8 launches"));
      assertEquals(await failures(c, 1), []);
    });
  },
  ["webgpu"],
);

onEachBackend(
  "states that no buffer of the device holds together take passes",
  async () => {
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    const states = 12 * 400 * 2 * 64 * 64 * 4;
    if (states > device.limits.maxStorageBufferBindingSize) {
      const reason = planOf(12, 400, 64);
      assert(!reason.startsWith("webgpu, 4 "), reason);
    }
    const c = { heads: 12, length: 400, headDim: 64, valueDim: 63 };
    assertEquals(await failures(c, 1), []);
  },
  ofLongTests(["webgpu"]),
);

/** Rows of whole quads in many chunks, and others; each has its own shaders. */
const HALVES = [
  { length: 70, headDim: 8, valueDim: 8 },
  { length: 20, headDim: 6, valueDim: 5 },
].flatMap((sizes) =>
  (["source", "none"] as const).map((decay) => [sizes, decay] as const)
);

// Software compiles the shaders of the full form for ten seconds, once.
for (
  const [form, only] of [
    ["chunkwise", ["webgpu"] as const],
    ["full", ofLongTests(["webgpu"])],
  ] as const
) {
  onEachBackend(
    `precision f16 of the ${form} form is right to three digits`,
    async (backend) => {
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      if (!device.features.has("shader-f16")) return;
      // The long test is whole.
      const chosen = form === "full" ? HALVES : sample(backend, HALVES);
      for (const [sizes, decay] of chosen) {
        const problem = LION.problemOf({
          ...{ batch: 1, heads: 2, ...sizes, decay },
          ...{ causal: false, normalize: true },
        });
        const way = { form, chunkSize: 16 };
        const exact = await resultOf(LION, problem, way);
        const half = { ...way, precision: "f16" };
        const rounded = await resultOf(LION, problem, half);
        const all = { y: exact.y, ...exact.gradients };
        const others = { y: rounded.y, ...rounded.gradients };
        const errors = Object.entries(all).map(([name, values]) => {
          const other = others[name as "y"];
          const difference = values.map((x, i) => x - other[i]!);
          return largest(difference) / largest(values);
        });
        assertLess(Math.max(...errors), 2e-3);
        // Otherwise nothing was rounded.
        assert(Math.max(...errors) > 1e-5);
      }
    },
    { only, sampled: true },
  );
}
