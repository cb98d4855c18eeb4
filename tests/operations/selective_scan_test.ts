/** Mamba's selective scan against the oracle, as a kernel and in tfjs operations. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { type BackendName, useBackend } from "../../mod.ts";
import { selectiveScan } from "../../lib/operations/mod.ts";
import {
  BACKENDS,
  onEachBackend,
  TOLERANCE,
  WITH_KERNELS,
} from "../backends.ts";
import { assertNear, differences } from "../comparison.ts";
import { sample, sampleForms } from "../sample.ts";
import { type ScanProblem, solveScan } from "../selective_scan_oracle.ts";
import { SELECTIVE_SCAN } from "../../lib/operations/selective_scan.ts";
import { withLimits } from "../kernels/webgpu/with_limits.ts";
import { describe, problemOf, run, type ScanCase } from "./scan_cases.ts";

const SIZES = [
  { batch: 2, length: 1, channels: 1, stateDim: 1 },
  { batch: 1, length: 2, channels: 5, stateDim: 3 },
  { batch: 2, length: 19, channels: 8, stateDim: 2 },
  { batch: 1, length: 33, channels: 19, stateDim: 5 },
  { batch: 2, length: 70, channels: 3, stateDim: 4 },
  { batch: 1, length: 130, channels: 9, stateDim: 2 },
];

const KINDS = [false, true].flatMap((reverse) =>
  [
    { gated: false, padded: false, packed: false },
    { gated: true, padded: true, packed: false },
    { gated: true, padded: false, packed: true },
    { gated: false, padded: true, packed: true },
  ].map((kind) => ({ reverse, ...kind }))
);

const CASES: ScanCase[] = SIZES.flatMap((size) =>
  KINDS.map((kind) => ({ ...size, ...kind }))
);

async function failuresOf(
  label: string,
  problem: ScanProblem,
  backend: BackendName,
  kernel: boolean,
): Promise<string[]> {
  const actual = await run(problem, { kernel });
  const { length, inputs } = problem;
  // Paces of 1e-3 and of 1e4 are side by side: their logarithms have gradients of a size.
  const logarithms = { a: inputs["a"]! };
  const expected = solveScan(problem);
  return differences(
    { length, logarithms },
    actual,
    expected,
    TOLERANCE[backend],
  )
    .map((line) => `${label} kernel=${kernel}: ${line}`);
}

onEachBackend(
  "selectiveScan() equals the oracle, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const runs = CASES.flatMap((c) =>
      [true, false].map((kernel) => ({ c, kernel }))
    );
    for (
      const { c, kernel } of sampleForms(
        backend,
        runs,
        ({ kernel }) => !kernel,
      )
    ) {
      failures.push(
        ...await failuresOf(describe(c), problemOf(c), backend, kernel),
      );
    }
    assertEquals(failures, []);
  },
);

onEachBackend(
  "the kernel of selectiveScan() equals the oracle at 200 random shapes",
  async (backend) => {
    const integer = (max: number) => fc.integer({ min: 1, max });
    const property = fc.asyncProperty(
      fc.record({
        batch: integer(2),
        length: integer(40),
        channels: integer(17),
        stateDim: integer(5),
        reverse: fc.boolean(),
        gated: fc.boolean(),
        padded: fc.boolean(),
        packed: fc.boolean(),
      }),
      async (c) => {
        const problem = problemOf(c);
        assertEquals(await failuresOf(describe(c), problem, backend, true), []);
      },
    );
    const numRuns = sample(backend, Array(200).keys()).length;
    await fc.assert(property, { numRuns, seed: 4 });
  },
  WITH_KERNELS,
);

onEachBackend(
  "the kernel of selectiveScan() equals tfjs operations at the widths of models",
  async (backend) => {
    const { forward, gradient } = TOLERANCE[backend];
    const size = { batch: 1, stateDim: 16, gated: true, padded: false };
    for (
      const [length, channels, reverse] of [
        [70, 104, false],
        [40, 390, true],
      ] as const
    ) {
      const problem = problemOf({
        ...{ ...size, length, channels, reverse, packed: reverse },
      });
      const kernel = await run(problem, { kernel: true });
      const plain = await run(problem, { kernel: false });
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
  "selectiveScan() is made of tfjs operations where the kernel's buffers would be too large",
  async (backend) => {
    const problem = problemOf({
      ...{ batch: 1, length: 9, channels: 4, stateDim: 1, reverse: false },
      ...{ gated: false, padded: false, packed: false },
    });
    const called = new Set<string>();
    const { runKernel } = tf.engine();
    tf.engine().runKernel = (name, ...rest) => {
      called.add(name);
      return runKernel.call(tf.engine(), name, ...rest) as never;
    };
    const run = () => failuresOf("", problem, backend, true);
    try {
      // 16 bytes for each of the 36 numbers of x.
      const limits = { maxStorageBufferBindingSize: 16 * 36 };
      assertEquals(await withLimits(limits, run), []);
      assert(called.has(SELECTIVE_SCAN.kernel));
      called.clear();
      const less = { maxStorageBufferBindingSize: 16 * 36 - 4 };
      assertEquals(await withLimits(less, run), []);
      assert(!called.has(SELECTIVE_SCAN.kernel));
    } finally {
      tf.engine().runKernel = runKernel;
    }
  },
  BACKENDS.filter((name) => name === "webgpu"),
);

Deno.test({
  name: "selectiveScan() is the same on any number of threads [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const problem = problemOf({
      ...{ batch: 2, length: 100, channels: 200, stateDim: 8, reverse: false },
      ...{ gated: true, padded: false, packed: false },
    });
    const results: unknown[] = [];
    for (const threads of [1, 2, 3, 5]) {
      await useBackend({ prefer: ["wasm"], threads });
      results.push(await run(problem, {}));
    }
    for (const result of results) assertEquals(result, results[0]);
    await useBackend({ prefer: ["wasm"] });
  },
});

onEachBackend("selectiveScan() of no tokens has none, and no gradients", () => {
  tf.tidy(() => {
    const x = tf.zeros<tf.Rank.R3>([2, 0, 3]);
    const b = tf.zeros<tf.Rank.R3>([2, 0, 4]);
    const a = tf.ones<tf.Rank.R2>([3, 4]);
    for (const segments of [undefined, tf.zeros([2, 0], "int32")]) {
      const y = selectiveScan({ x, dt: x, a, b, c: b, z: x }, { segments });
      assertEquals(y.shape, [2, 0, 3]);
    }
  });
});

onEachBackend("selectiveScan() says what is wrong with its arguments", () => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R3>([2, 5, 3]);
    const b = tf.ones<tf.Rank.R3>([2, 5, 4]);
    const a = tf.ones<tf.Rank.R2>([3, 4]);
    const inputs = { x, dt: x, a, b, c: b };
    assertThrows(
      () => selectiveScan({ ...inputs, c: x }),
      TypeError,
      "selectiveScan's c should have shape [batch, length, stateDim] = [2, 5, 4], got [2, 5, 3]",
    );
    assertThrows(
      () => selectiveScan({ ...inputs, a: tf.ones([3, 0]) }),
      RangeError,
      "got shape [3,0]",
    );
    assertThrows(
      () => selectiveScan({ ...inputs, delta: x } as never),
      TypeError,
      'selectiveScan has no input "delta"',
    );
    assertThrows(
      () => selectiveScan(inputs, { backwards: true } as never),
      TypeError,
      'selectiveScan has no option "backwards"',
    );
  });
});
