/** The fused kernels, on backends that have them, against the oracle. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { type BackendName, explainAttention, useBackend } from "../../mod.ts";
import {
  type Case,
  DECAYS,
  describe,
  differences,
  problemOf,
  run,
} from "../attention/cases.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { solve } from "../oracle.ts";

/** Runs a case with a fused kernel; returns what differs from the oracle. */
async function failuresOf(
  c: Case,
  chunkSize: number,
  backend: BackendName,
): Promise<string[]> {
  const problem = problemOf(c);
  const actual = await run(problem, "chunkwise", chunkSize);
  return differences(problem, actual, solve(problem), backend)
    .map((difference) => `${describe(c)} C=${chunkSize}: ${difference}`);
}

/** Columns that are and are not whole vectors; few, since each is a shader. */
const columns = fc.constantFrom(1, 3, 4, 17, 64);
const cases = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  heads: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 100 }),
  headDim: columns,
  valueDim: columns,
  decay: fc.constantFrom(...DECAYS),
  causal: fc.boolean(),
  normalize: fc.boolean(),
  padded: fc.boolean(),
});

onEachBackend(
  "the kernel equals the oracle on 200 random shapes",
  async (backend) => {
    if (backend === "cpu") return;
    const chunkSizes = fc.constantFrom(1, 8, 33, 64, 200);
    await fc.assert(
      fc.asyncProperty(cases, chunkSizes, async (c, chunkSize) => {
        assertEquals(await failuresOf(c, chunkSize, backend), []);
      }),
      { numRuns: 200, seed: 20250224 },
    );
  },
);

onEachBackend(
  "the kernel equals the oracle where a sequence has many chunks",
  async (backend) => {
    if (backend === "cpu") return;
    const sizes = { batch: 1, heads: 1, length: 400 };
    const failures: string[] = [];
    for (const decay of ["none", "two-sided"] as const) {
      for (const causal of [false, true]) {
        const c = { ...sizes, decay, causal, normalize: true, padded: false };
        const dims = { headDim: 32, valueDim: 20 };
        failures.push(...await failuresOf({ ...c, ...dims }, 32, backend));
      }
    }
    assertEquals(failures, []);
  },
);

onEachBackend("explainAttention() says what runs, and why", (backend) => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 300, 8]);
    const plan = explainAttention(x, x, x, { causal: true });
    assertEquals(plan.kernel, backend === "cpu" ? null : "LionChunkwise");
    assertEquals(plan.form, "chunkwise");
    const full = explainAttention(x, x, x, { causal: true, form: "full" });
    assertEquals(full.kernel, null);
    assertEquals(full.reason, 'form "full" is made of tfjs operations');
    assertEquals(full.operations, 2 * 300 * (2 * 300 * (8 + 9) + 2 * 300));
  });
});

Deno.test({
  name: "heads that the WebGPU kernel cannot hold take the plain form [webgpu]",
  ignore: !BACKENDS.includes("webgpu"),
  fn: async () => {
    await useBackend({ prefer: ["webgpu"] });
    const wide = { batch: 1, heads: 1, length: 70, headDim: 130, valueDim: 3 };
    const c: Case = {
      ...wide,
      decay: "source",
      causal: false,
      normalize: true,
      padded: false,
    };
    assertEquals(await failuresOf(c, 16, "webgpu"), []);
    const q = tf.ones<tf.Rank.R4>([1, 1, 70, 130]);
    const plan = explainAttention(q, q, q, { form: "chunkwise" });
    assertEquals(plan.kernel, null);
    q.dispose();
  },
});
