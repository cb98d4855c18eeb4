/** The kernels of the full form where this machine alone would not choose to go. @module */
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { registerAttention } from "../../../lib/kernels/webgpu/lion_attention.ts";
import { useBackend } from "../../../mod.ts";
import { asTuning } from "../../../lib/backend/tuning_source.ts";
import { onEachBackend } from "../../backends.ts";
import { sample } from "../../sample.ts";
import { assertRight } from "../../subjects/assert_right.ts";
import { LION, type LionCase } from "../../subjects/lion.ts";
import { withLimits } from "./with_limits.ts";

/** Heads for each number of lanes of a tile. */
const HEADS = [
  ...[[16, 8], [32, 20], [64, 64], [6, 70]],
  ...[[128, 20], [128, 70], [6, 20], [20, 6]],
] as const;

const WAY = { form: "full", chunkSize: 64 };

/** With decays and without, and causal. */
function* cases(): Generator<LionCase> {
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
      const chosen = sample(backend, cases());
      await assertRight(LION, chosen.map((c) => [c, WAY]), backend);
    } finally {
      // Registers the kernels anew.
      await useBackend({ prefer: ["webgpu"], tuning: asTuning({}) });
    }
  },
  { only: ["webgpu"], sampled: true },
);

onEachBackend(
  "tiles whose masks fit no buffer together take passes",
  async (backend) => {
    const c: LionCase = {
      ...{ batch: 1, heads: 3, length: 130 },
      ...{ decay: "two-sided", causal: false, normalize: true },
    };
    // A head's take 66,560 bytes; of the other buffers none is as large.
    const limits = { maxStorageBufferBindingSize: 70_000 };
    await withLimits(limits, () => assertRight(LION, [[c, WAY]], backend));
  },
  ["webgpu"],
);
