/** The kernels of the delta rule against the oracle, with a decay of each token or channel. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaAttention, diagonalDecay } from "../../mod.ts";
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";
import { DELTA, type DeltaCase, replaced } from "../subjects/delta.ts";
import { resultOf, wrongWith } from "../subjects/subject.ts";
import { kernelsCalled } from "./called.ts";

/** A log decay of each token, and of each channel too. */
const TWO_SIDED = ["two-sided", "two-sided of channels"] as const;

/** Each of some sizes, with both kinds of decays, in one direction and in both. */
function casesOf(
  sizes: readonly (Partial<DeltaCase> & { length: number })[],
): DeltaCase[] {
  return sizes.flatMap((size) =>
    TWO_SIDED.flatMap((decay) =>
      [false, true].map((causal) => ({
        ...{ batch: 1, heads: 1, decay, causal, ...size },
      }))
    )
  );
}

onEachBackend(
  "deltaAttention() runs as a kernel, unless it is told not to",
  async () => {
    tf.engine().startScope();
    const x = tf.ones([1, 2, 9, 4]), beta = tf.ones([1, 2, 9]);
    const decay = diagonalDecay(tf.neg(x), { convention: "arrival" });
    for (
      const [options, isKernel] of [
        [{}, true],
        [{ form: "chunkwise", causal: true }, true],
        [{ kernel: false }, false],
        [{ form: "recurrent" }, false],
        [{ decay }, true],
      ] as const
    ) {
      const called = await kernelsCalled(() =>
        deltaAttention(x, x, x, beta, options)
      );
      assertEquals(called.includes("LionTransition"), isKernel);
    }
    tf.engine().endScope();
  },
  WITH_KERNELS,
);

onEachBackend(
  "kernels of the delta rule equal the oracle at values that stand out, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const sizes = [1, 2, 33, 67].flatMap((length) =>
      [[1, 1], [8, 3], [3, 9]].map(([headDim, valueDim]) => ({
        length,
        headDim: headDim!,
        valueDim: valueDim!,
      }))
    );
    for (const c of sample(backend, casesOf(sizes))) {
      const problem = DELTA.problemOf(c);
      const random = uniform(c.length);
      const values = [0, -60, -Infinity, -0.1, -1e-3];
      const gates = Object.fromEntries(
        Object.entries(problem.gates).map(([name, gate]) => [
          name,
          array(gate.length, random, (u) => values[Math.floor(5 * u)]!),
        ]),
      );
      const beta = array(c.length, random, (u) => Math.floor(3 * u));
      const changed = replaced(problem, { gates, beta });
      const wrong = await wrongWith(DELTA, changed, backend);
      failures.push(...wrong.map((line) => `${JSON.stringify(c)}: ${line}`));
    }
    assertEquals(failures, []);
  },
  { only: WITH_KERNELS, sampled: true },
);

onEachBackend(
  "kernels of the delta rule stay finite under decays of -2 a token",
  async () => {
    for (const c of casesOf([{ length: 4096 }])) {
      const problem = DELTA.problemOf(c);
      const gates = Object.fromEntries(
        Object.entries(problem.gates)
          .map(([name, gate]) => [name, gate.map(() => -2)]),
      );
      const { y, gradients } = await resultOf(
        DELTA,
        replaced(problem, { gates }),
      );
      for (const [name, values] of Object.entries({ y, ...gradients })) {
        assert(values.every(Number.isFinite), name);
      }
    }
  },
  WITH_KERNELS,
);
