/** The kernels of the full form where this machine alone would not choose to go. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { registerAttention } from "../../../lib/kernels/webgpu/lion_attention.ts";
import { lionAttention, selectiveDecay, useBackend } from "../../../mod.ts";
import { asTuning } from "../../../lib/backend/tuning_source.ts";
import {
  type Case,
  describe,
  differences,
  problemOf,
  run,
} from "../../attention/cases.ts";
import { onEachBackend } from "../../backends.ts";
import { solve } from "../../oracle.ts";
import { ofLongTests, sample } from "../../sample.ts";
import { withLimits } from "./with_limits.ts";

/** Heads for each number of lanes of a tile. */
const HEADS = [
  ...[[16, 8], [32, 20], [64, 64], [6, 70]],
  ...[[128, 20], [128, 70], [6, 20], [20, 6]],
] as const;

/** With decays and without, and causal. */
function* cases(): Generator<Case> {
  const sizes = { batch: 1, heads: 2, length: 150, normalize: true };
  for (const [headDim, valueDim] of HEADS) {
    const c = { ...sizes, headDim, valueDim, padded: true };
    yield { ...c, decay: "two-sided", causal: false };
    yield { ...c, decay: "none", causal: false };
    yield { ...c, decay: "source", causal: true };
  }
}

onEachBackend(
  "the full form is right in tiles for each width of heads",
  async (backend) => {
    try {
      registerAttention(webGpuNumbers("integrated", undefined));
      for (const c of sample(backend, cases())) {
        const problem = problemOf(c);
        const actual = await run(problem, "full", 64);
        const found = differences(problem, actual, solve(problem), backend);
        assertEquals(found, [], describe(c));
      }
    } finally {
      // Registers the kernels anew.
      await useBackend({ prefer: ["webgpu"], tuning: asTuning({}) });
    }
  },
  ["webgpu"],
);

onEachBackend(
  "tiles whose masks fit no buffer together take passes",
  async (backend) => {
    const c: Case = {
      ...{ batch: 1, heads: 3, length: 130 },
      ...{ decay: "two-sided", causal: false, normalize: true, padded: false },
    };
    const problem = problemOf(c);
    // A head's take 66,560 bytes; of the other buffers none is as large.
    const actual = await withLimits(
      { maxStorageBufferBindingSize: 70_000 },
      () => run(problem, "full", 64),
    );
    const found = differences(problem, actual, solve(problem), backend);
    assertEquals(found, []);
  },
  ["webgpu"],
);

onEachBackend(
  "precision f16 of the full form is right to three digits",
  async () => {
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    if (!device.features.has("shader-f16")) return;
    const random = (columns: number, seed: number) =>
      tf.randomUniform<tf.Rank.R4>(
        [1, 2, 70, columns],
        0.1,
        1,
        "float32",
        seed,
      );
    const inputs = [random(6, 1), random(6, 2), random(5, 3)];
    const logDecay = tf.fill<tf.Rank.R3>([1, 2, 70], -0.1);
    const results = await Promise.all(
      (["f32", "f16"] as const).map(async (precision) => {
        const { value, grads } = tf.valueAndGrads((...[q, k, v]: tf.Tensor[]) =>
          lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
            decay: selectiveDecay(logDecay),
            form: "full",
            precision,
          })
        )(inputs);
        const all = await Promise.all([value, ...grads].map((x) => x.data()));
        tf.dispose([value, grads]);
        return all;
      }),
    );
    const [exact, rounded] = results as [Float32Array[], Float32Array[]];
    exact.forEach((values, which) => {
      let [largest, difference] = [0, 0];
      values.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value));
        const off = Math.abs(value - rounded[which]![i]!);
        difference = Math.max(difference, off);
      });
      assertLess(difference / largest, 2e-3);
      // Otherwise nothing was rounded.
      assert(difference / largest > 1e-5);
    });
    tf.dispose([...inputs, logDecay]);
  },
  // Software compiles these shaders for ten seconds, once.
  ofLongTests(["webgpu"]),
);
