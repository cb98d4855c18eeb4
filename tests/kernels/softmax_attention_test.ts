/** The kernels of softmax attention where one machine alone would not choose to go. @module */
import { assertEquals } from "@std/assert";
import { webGpuNumbers } from "../../lib/kernels/numbers.ts";
import { registerSoftmaxAttention } from "../../lib/kernels/webgpu/softmax/softmax_attention.ts";
import { useBackend } from "../../mod.ts";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { FIRST, SOFTMAX, type SoftmaxCase } from "../subjects/softmax.ts";
import { resultOf } from "../subjects/subject.ts";

/** A head for each kind of log decays. */
const HEADS_OF_DECAYS = { batch: 1, heads: 6, headDim: 8, valueDim: 5 };

/** Sizes that meet blocks and their tails, with all kinds of masks, and decays. */
const SIZES = [
  { batch: 1, heads: 1, headDim: 64, valueDim: 64 },
  { batch: 1, heads: 1, headDim: 7, valueDim: 16, padded: true },
  { batch: 3, heads: 1, headDim: 16, valueDim: 9, padding: FIRST },
  { batch: 2, heads: 2, headDim: 8, valueDim: 8, padded: true, packed: true },
  { ...HEADS_OF_DECAYS, decay: "two-sided", padded: true },
] as const;

/** Lengths about whole blocks of queries and keys, and beyond two of them. */
const CASES: SoftmaxCase[] = [95, 96, 97, 192, 193, 400].flatMap((length) =>
  [false, true].flatMap((causal) =>
    SIZES.map((sizes) => ({ ...sizes, length, causal }))
  )
);

Deno.test({
  name: "softmax attention is the same on any number of threads [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    for (const threads of [1, 2, 4]) {
      await useBackend({ prefer: ["wasm"], threads });
      await assertRight(SOFTMAX, CASES.map((c) => [c]), "wasm");
    }
    // Long enough that no thread is spared.
    const c = { batch: 1, heads: 1, length: 800, headDim: 8, valueDim: 8 };
    for (const decay of ["none", "arrival"] as const) {
      await useBackend({ prefer: ["wasm"], threads: 4 });
      const problem = SOFTMAX.problemOf({ ...c, decay, causal: false });
      const four = await resultOf(SOFTMAX, problem);
      await useBackend({ prefer: ["wasm"], threads: 1 });
      const one = await resultOf(SOFTMAX, problem);
      assertEquals(four.y, one.y);
      assertEquals(four.gradients.k, one.gradients.k);
      assertEquals(four.gradients.v, one.gradients.v);
    }
    await useBackend({ prefer: ["wasm"] });
  },
});

/** Heads for each number of lanes, and of more columns than one workgroup sums. */
const HEADS = [[16, 8], [32, 20], [64, 64], [6, 70], [132, 20]] as const;

/** Shaders of each width are compiled for some seconds. */
const TILED: SoftmaxCase[] = [
  ...HEADS.flatMap(([headDim, valueDim]) =>
    [false, true].map((padded) => ({
      ...{ batch: 1, heads: 2, length: 70, headDim, valueDim, padded },
      causal: padded,
    }))
  ),
  // Paths within a unit of tokens, to the next one, and across others.
  ...([[16, 8], [64, 64]] as const).flatMap(([headDim, valueDim]) =>
    [false, true].map((causal): SoftmaxCase => ({
      ...{ batch: 1, heads: 6, length: 250, headDim, valueDim, causal },
      ...{ decay: "two-sided", padded: causal, packed: !causal },
    }))
  ),
  // Beyond the first block of keys, and of queries.
  ...[false, true].map((causal) => ({
    ...{ batch: 1, heads: 2, length: 150, headDim: 16, valueDim: 8, causal },
    ...{ padded: true, packed: true },
  })),
];

onEachBackend(
  "softmax attention is right in tiles for each width of heads",
  async (backend) => {
    try {
      registerSoftmaxAttention(
        webGpuNumbers("integrated", undefined),
        undefined,
      );
      const cases = sample(backend, TILED);
      await assertRight(SOFTMAX, cases.map((c) => [c]), backend);
    } finally {
      // Registers the kernels anew.
      await useBackend({ prefer: ["webgpu"], tuning: asTuning({}) });
    }
  },
  { only: ["webgpu"], sampled: true },
);
