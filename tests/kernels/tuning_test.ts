/** Kernels that are generated from other numbers than their own. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  type ConcreteForm,
  explainAttention,
  useBackend,
} from "../../mod.ts";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import {
  ALLOWED,
  type SomeNumbers,
  type TileNumbers,
  type WasmNumbers,
  type WebGpuNumbers,
} from "../../lib/kernels/tuning.ts";
import { planTransition } from "../../lib/attention/planning/transition_kernel.ts";
import { onEachBackend } from "../backends.ts";
import { ofLongTests } from "../sample.ts";
import { DELTA, type DeltaCase } from "../subjects/delta.ts";
import { LION, type LionCase } from "../subjects/lion.ts";
import { SOFTMAX } from "../subjects/softmax.ts";
import { failuresOf } from "../subjects/subject.ts";

/** Starts the backend with these numbers for all shapes; the test ends with its own. */
async function tuned(
  tuning: {
    webgpu: SomeNumbers<WebGpuNumbers>;
    wasm: SomeNumbers<WasmNumbers>;
  },
  backend: "webgpu" | "wasm",
  body: () => Promise<void>,
): Promise<void> {
  await useBackend({
    prefer: [backend],
    tuning: asTuning({ [backend]: { all: tuning[backend] } }),
  });
  await body();
}

/** Wrong lines of a form with the numbers that the backend has. */
const failuresOfForm = (
  form: ConcreteForm,
  c: Pick<LionCase, "decay" | "causal" | "headDim" | "valueDim">,
  backend: "webgpu" | "wasm",
): Promise<string[]> =>
  failuresOf(
    LION,
    {
      ...{ batch: 1, heads: 2, length: 150, normalize: true, padded: true },
      ...c,
    },
    backend,
    { form },
  );

const KERNELS = ["webgpu", "wasm"] as const;

/** A test on a backend with kernels of its own. */
function onKernels(
  name: string,
  run: (backend: "webgpu" | "wasm") => Promise<void>,
  only: readonly BackendName[] = KERNELS,
): void {
  onEachBackend(name, (backend) => run(backend as "webgpu" | "wasm"), only);
}

/** Numbers of chunks with decays and without. */
const CHUNKS = {
  webgpu: {
    chunkwise: {
      chunkSize: 20,
      masklessChunkSize: 24,
      blockRows: 8,
      unscannedChunks: 4,
    },
  },
  wasm: { chunkwise: { chunkSize: 20 } },
} as const;

onKernels(
  "chunks are of the size that a caller or a tuning asks for",
  async (backend) => {
    await tuned(CHUNKS, backend, () => {
      const x = tf.ones<tf.Rank.R4>([1, 1, 90, 4]);
      assertEquals(explainAttention(x, x, x, { causal: true }).chunkSize, 20);
      const maskless = backend === "webgpu" ? 24 : 20;
      assertEquals(explainAttention(x, x, x).chunkSize, maskless);
      // What the caller asks for comes first.
      assertEquals(explainAttention(x, x, x, { chunkSize: 9 }).chunkSize, 9);
      x.dispose();
      return Promise.resolve();
    });
  },
);

// Mesa compiles these shaders for a quarter of a minute.
for (const only of [["wasm"] as const, ofLongTests(["webgpu"])]) {
  onKernels("the chunkwise form is right in other chunks", async (backend) => {
    await tuned(CHUNKS, backend, async () => {
      for (const decay of ["two-sided", "none"] as const) {
        const c = { decay, causal: false, headDim: 6, valueDim: 5 };
        assertEquals(await failuresOfForm("chunkwise", c, backend), []);
      }
    });
  }, only);
}

const SMALL = {
  ...{ batch: 1, heads: 2, length: 40, headDim: 17, valueDim: 8 },
  ...{ causal: false, padded: true },
};
const DELTA_CASE: DeltaCase = { ...SMALL, decay: "two-sided" };

/** Wrong lines of decays of each channel with the numbers that the backend has. */
const failuresOfChannels = (backend: "webgpu" | "wasm") => {
  const decay = "two-sided of channels";
  const way = { form: "chunkwise" };
  return failuresOf(LION, { ...SMALL, decay, normalize: true }, backend, way);
};

/** Wrong lines of the delta rule with the numbers that the backend has. */
const failuresOfDelta = (backend: "webgpu" | "wasm") =>
  failuresOf(DELTA, DELTA_CASE, backend);

onKernels(
  "decays of each channel are right in other chunks",
  async (backend) => {
    const numbers = {
      webgpu: { channels: { chunkSize: 12 } },
      wasm: { chunkwise: { chunkSize: 12 } },
    };
    await tuned(numbers, backend, async () => {
      assertEquals(await failuresOfChannels(backend), []);
    });
  },
);

/**
 * Few and many threads; threads of four columns that need eight, and of sixteen
 * that need fewer; heads of which all columns are staged at once, and some in vain,
 * and of which more are staged than there are.
 */
const TILES = [
  ...[0, 8, 16].map((stagedColumns) => ({
    ...{ threads: 32, columnsPerThread: 8, stagedColumns },
    ...{ headDim: 20, valueDim: 6 },
  })),
  {
    ...{ threads: 128, columnsPerThread: 4, stagedColumns: 16 },
    ...{ headDim: 70, valueDim: 5 },
  },
  {
    ...{ threads: 256, columnsPerThread: 16, stagedColumns: 32 },
    ...{ headDim: 6, valueDim: 70 },
  },
] as (TileNumbers & { headDim: number; valueDim: number })[];

for (const [i, { headDim, valueDim, ...numbers }] of TILES.entries()) {
  const { threads, columnsPerThread, stagedColumns } = numbers;
  const words =
    `tiles of ${threads} threads, ${columnsPerThread} columns each, ` +
    `${stagedColumns} staged`;
  onKernels(
    `the full form is right in ${words}`,
    async (backend) => {
      const both = {
        webgpu: { full: numbers },
        wasm: { full: { tileSize: 10 } },
      };
      await tuned(both, backend, async () => {
        const c = { decay: "two-sided", causal: false } as const;
        assertEquals(
          await failuresOfForm("full", { ...c, headDim, valueDim }, backend),
          [],
        );
      });
    },
    i === 0 ? KERNELS : ofLongTests(["webgpu"]),
  );
  // Where a subgroup holds all lanes of a row; in memory elsewhere.
  const maxima = i % 2 === 0 ? "memory" : "subgroups";
  onKernels(
    `softmax attention is right in ${words}, maxima in ${maxima}`,
    async (backend) => {
      const softmax = { ...numbers, maxima } as const;
      await tuned({ webgpu: { softmax }, wasm: {} }, backend, async () => {
        const c = { batch: 1, heads: 2, length: 150, headDim, valueDim };
        const padded = { ...c, causal: true, padded: true };
        assertEquals(await failuresOf(SOFTMAX, padded, backend), []);
      });
    },
    i === 0 ? ["webgpu"] : ofLongTests(["webgpu"]),
  );
}

onKernels(
  "the delta rule is right in other chunks",
  async (backend) => {
    const delta = { chunkSize: 12 };
    await tuned({ webgpu: { delta }, wasm: { delta } }, backend, async () => {
      const plan = planTransition({
        ...DELTA.problemOf(DELTA_CASE),
        ...{ reads: "delta", steps: 1 },
        diagonal: false,
        chunkSize: undefined,
      });
      assertEquals("chunkSize" in plan && plan.chunkSize, 12);
      assertEquals(await failuresOfDelta(backend), []);
    });
  },
);

/** What is computed with the numbers of each kind of kernel. */
const FAMILIES: Record<
  "chunkwise" | "channels" | "full" | "delta",
  (backend: "webgpu" | "wasm") => Promise<string[]>
> = {
  chunkwise: async (backend) => {
    const c = { causal: false, headDim: 6, valueDim: 5 };
    const of = (decay: LionCase["decay"]) =>
      failuresOfForm("chunkwise", { ...c, decay }, backend);
    return [...await of("two-sided"), ...await of("none")];
  },
  channels: failuresOfChannels,
  full: (backend) => {
    const c = { causal: false, headDim: 6, valueDim: 5 };
    return failuresOfForm("full", { ...c, decay: "two-sided" }, backend);
  },
  delta: failuresOfDelta,
};

// On software WebGPU most of it is the time of shaders to compile.
for (const only of [["wasm"] as const, ofLongTests(["webgpu"])]) {
  onKernels(
    "the least and the largest number that a tuning may have are right",
    async (backend) => {
      for (const [family, fields] of Object.entries(ALLOWED[backend])) {
        for (const [field, most] of Object.entries(fields)) {
          if (typeof most !== "number") continue;
          for (const value of [1, most]) {
            const numbers = { [family]: { [field]: value } };
            await tuned(
              { webgpu: numbers, wasm: numbers },
              backend,
              async () => {
                const failures = FAMILIES[family as keyof typeof FAMILIES];
                const label = `${family}.${field} of ${value}`;
                assertEquals(await failures(backend), [], label);
              },
            );
          }
        }
      }
    },
    only,
  );
}
