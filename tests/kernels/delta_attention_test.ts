/** The kernels of the delta rule against the oracle, with a decay of each token or channel. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  type BackendName,
  deltaAttention,
  diagonalDecay,
  useBackend,
} from "../../mod.ts";
import {
  type DeltaCase,
  describe,
  GATES,
  problemOf,
  run,
} from "../attention/delta_cases.ts";
import {
  BACKENDS,
  onEachBackend,
  TOLERANCE,
  WITH_KERNELS,
} from "../backends.ts";
import { assertNear, differences } from "../comparison.ts";
import { type DeltaProblem, solveDelta } from "../delta_oracle.ts";
import { array, uniform } from "../random.ts";
import { headSizes, sample } from "../sample.ts";

/** A log decay of each token, and of each channel too. */
const TWO_SIDED = ["two-sided", "two-sided diagonal"] as const;

/** Each of some sizes, with both kinds of decays, in one direction and in both. */
function casesOf(
  sizes: readonly (Partial<DeltaCase> & { length: number })[],
): DeltaCase[] {
  const plain = { batch: 1, heads: 1, padded: false, packed: false };
  return sizes.flatMap((size) =>
    TWO_SIDED.flatMap((gate) =>
      [false, true].map((causal) => ({ ...plain, gate, causal, ...size }))
    )
  );
}

async function failuresOf(
  label: string,
  problem: DeltaProblem,
  backend: BackendName,
  chunkSize?: number,
): Promise<string[]> {
  const options = chunkSize === undefined ? {} : { chunkSize };
  const actual = await run(problem, options);
  const expected = solveDelta(problem);
  return differences(problem, actual, expected, TOLERANCE[backend])
    .map((line) => `${label} ${chunkSize ?? ""}: ${line}`);
}

onEachBackend(
  "deltaAttention() runs as a kernel, unless it is told not to",
  () => {
    tf.engine().startScope();
    const x = tf.ones<tf.Rank.R4>([1, 2, 9, 4]);
    const beta = tf.ones<tf.Rank.R3>([1, 2, 9]);
    const kernelsOf = (options: Parameters<typeof deltaAttention>[4]) => {
      const called = new Set<string>();
      const { runKernel } = tf.engine();
      tf.engine().runKernel = (name, ...rest) => {
        called.add(name);
        return runKernel.call(tf.engine(), name, ...rest) as never;
      };
      try {
        deltaAttention(x, x, x, beta, options);
      } finally {
        tf.engine().runKernel = runKernel;
      }
      return called.has("LionDelta");
    };
    const decay = diagonalDecay(tf.neg(x) as tf.Tensor4D, {
      convention: "arrival",
    });
    assert(kernelsOf({}));
    assert(kernelsOf({ form: "chunkwise", causal: true }));
    assert(!kernelsOf({ kernel: false }));
    assert(!kernelsOf({ form: "recurrent" }));
    assert(kernelsOf({ decay }));
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
      const problem = problemOf(c);
      const random = uniform(c.length);
      const values = [0, -60, -Infinity, -0.1, -1e-3];
      const gates = Object.fromEntries(
        Object.entries(problem.gates).map(([name, gate]) => [
          name,
          array(gate.length, random, (u) => values[Math.floor(5 * u)]!),
        ]),
      );
      const beta = array(c.length, random, (u) => Math.floor(3 * u));
      const label = `${describe(c)} d=${c.headDim} e=${c.valueDim}`;
      failures.push(
        ...await failuresOf(label, { ...problem, gates, beta }, backend),
      );
    }
    assertEquals(failures, []);
  },
  WITH_KERNELS,
);

onEachBackend(
  "kernels of the delta rule equal the oracle at 200 random shapes",
  async (backend) => {
    const integer = (max: number) => fc.integer({ min: 1, max });
    const property = fc.asyncProperty(
      fc.record({
        batch: integer(2),
        heads: integer(3),
        length: integer(24),
        gate: fc.constantFrom(...GATES),
        causal: fc.boolean(),
        padded: fc.boolean(),
        packed: fc.boolean(),
      }),
      headSizes(backend, { headDim: 9, valueDim: 9, chunkSize: 26 }),
      async (shape, { chunkSize, ...dims }) => {
        const c = { ...shape, ...dims };
        const failures = await failuresOf(
          describe(c),
          problemOf(c),
          backend,
          chunkSize,
        );
        assertEquals(failures, []);
      },
    );
    const numRuns = sample(backend, Array(200).keys()).length;
    await fc.assert(property, { numRuns, seed: 8 });
  },
  WITH_KERNELS,
);

onEachBackend(
  "kernels of the delta rule equal the plain form at the widths of models",
  async (backend) => {
    const { forward, gradient } = TOLERANCE[backend];
    const sizes = [[64, 64], [40, 37], [30, 72]].map(([headDim, valueDim]) => ({
      ...{ heads: 3, length: 230 },
      ...{ headDim: headDim!, valueDim: valueDim! },
    }));
    for (const c of sample(backend, casesOf(sizes))) {
      const problem = problemOf(c);
      const beta = problem.beta.map((x) => x / 2);
      const [kernel, plain] = [
        await run({ ...problem, beta }, {}),
        await run({ ...problem, beta }, { kernel: false, chunkSize: 16 }),
      ];
      // Both are off by so much.
      assertNear("y", kernel.y, plain.y, 2 * forward);
      for (const [name, values] of Object.entries(plain.gradients)) {
        assertNear(name, kernel.gradients[name]!, values, 2 * gradient);
      }
    }
  },
  WITH_KERNELS,
);

onEachBackend(
  "kernels of the delta rule stay finite under decays of -2 a token",
  async () => {
    for (const c of casesOf([{ length: 4096 }])) {
      const problem = problemOf(c);
      const gates = Object.fromEntries(
        Object.entries(problem.gates)
          .map(([name, gate]) => [name, gate.map(() => -2)]),
      );
      const { y, gradients } = await run({ ...problem, gates }, {});
      for (const [name, values] of Object.entries({ y, ...gradients })) {
        assert(values.every(Number.isFinite), name);
      }
    }
  },
  WITH_KERNELS,
);

Deno.test({
  name:
    "kernels of the delta rule are the same on any number of threads [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const problems = casesOf([
      { heads: 2, length: 70 },
      // Work enough to be shared.
      { heads: 2, length: 256, headDim: 16, valueDim: 16 },
    ]).map(problemOf);
    const results: unknown[] = [];
    for (const threads of [1, 2, 3, 4, 5, 6, 7]) {
      await useBackend({ prefer: ["wasm"], threads });
      for (const [i, problem] of problems.entries()) {
        const result = await run(problem, {});
        assertEquals(result, results[i] ??= result);
      }
    }
    await useBackend({ prefer: ["wasm"] });
  },
});
