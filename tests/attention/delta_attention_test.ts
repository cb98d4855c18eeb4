/**
 * The delta rule on each backend, in both forms, against the float64 oracle and
 * the figures of the PyTorch reference.
 *
 * @module
 */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  bidirectionalDecay,
  deltaAttention,
  type DeltaAttentionOptions,
  fixedDecay,
  selectiveDecay,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { differences } from "../comparison.ts";
import { solveDelta } from "../delta_oracle.ts";
import type { Differentiated } from "../float64.ts";
import { readFixtures, tensorOf } from "../fixtures.ts";
import { uniform } from "../random.ts";
import { headSizes, sampleForms, sampleOf200 } from "../sample.ts";
import {
  type DeltaCase,
  describe,
  GATES,
  problemOf,
  run,
} from "./delta_cases.ts";

const RUNS = [
  { form: "recurrent" },
  { form: "chunkwise", chunkSize: 8 },
  { form: "auto", kernel: false },
] as const;

/** What takes turns while the lengths and gates are all met. */
const VARIANTS = [
  { batch: 1, heads: 1, padded: false, packed: false },
  { batch: 2, heads: 1, padded: true, packed: false },
  { batch: 1, heads: 3, padded: false, packed: true },
  { batch: 2, heads: 2, padded: true, packed: true },
];

const CASES: DeltaCase[] = [1, 2, 67, 130].flatMap((length, l) =>
  GATES.flatMap((gate, g) =>
    [false, true].map((causal, c) => ({
      length,
      gate,
      causal,
      ...VARIANTS[(l + g + 2 * c) % VARIANTS.length]!,
    }))
  )
);

type Run = typeof RUNS[number];

/** Whether a run is of operations of TensorFlow.js: the recurrent form has no kernel. */
const isPlain = (run: Run) => run.form !== "chunkwise";

onEachBackend(
  "deltaAttention() equals the oracle in every form, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const solutions = new Map<DeltaCase, Differentiated>();
    const runs = CASES.flatMap((c) => RUNS.map((options) => ({ c, options })));
    for (
      const { c, options } of sampleForms(
        backend,
        runs,
        ({ options }) => isPlain(options),
      )
    ) {
      const problem = problemOf(c);
      const expected = solutions.get(c) ?? solveDelta(problem);
      solutions.set(c, expected);
      const actual = await run(problem, options);
      failures.push(
        ...differences(problem, actual, expected, TOLERANCE[backend])
          .map((line) => `${describe(c)} ${JSON.stringify(options)}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
);

onEachBackend(
  "deltaAttention() equals the oracle at 200 random shapes",
  async (backend) => {
    const integer = (max: number) => fc.integer({ min: 1, max });
    const cases = fc.tuple(
      fc.record({
        batch: integer(2),
        heads: integer(3),
        length: integer(12),
        gate: fc.constantFrom(...GATES),
        causal: fc.boolean(),
        padded: fc.boolean(),
        packed: fc.boolean(),
      }),
      headSizes(backend, { headDim: 9, valueDim: 9, chunkSize: 14 }),
      fc.record({
        form: fc.constantFrom("recurrent" as const, "chunkwise" as const),
        kernel: fc.boolean(),
      }),
    );
    const failures: string[] = [];
    const chosen = sampleOf200(
      backend,
      cases,
      ([, , { form, kernel }]) => form === "recurrent" || !kernel,
    );
    for (const [shape, { chunkSize, ...dims }, how] of chosen) {
      const [c, options] = [{ ...shape, ...dims }, { ...how, chunkSize }];
      const problem = problemOf(c);
      const actual = await run(problem, options);
      const expected = solveDelta(problem);
      failures.push(
        ...differences(problem, actual, expected, TOLERANCE[backend])
          .map((line) => `${describe(c)} ${JSON.stringify(options)}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
);

onEachBackend(
  "deltaAttention() reproduces the figures of the PyTorch reference",
  async (backend) => {
    const all = await readFixtures("ref_delta");
    const { forward, gradient } = TOLERANCE[backend];
    const gates: Record<string, readonly string[]> = {
      delta: [],
      gated: ["gf", "gf"],
      gated_two: ["gf", "gb"],
    };
    const outputs = [...all.keys()].filter((name) => name.endsWith(".y"));
    assertEquals(outputs.length, 5);
    const runs = outputs.flatMap((output) =>
      RUNS.map((options) => ({ output, options }))
    );
    for (
      const { output, options } of sampleForms(
        backend,
        runs,
        ({ options }) => isPlain(options),
      )
    ) {
      const [rule, direction] = output.split(".");
      const prefix = `${rule}.${direction}`;
      const names = ["q", "k", "v", "beta", ...gates[rule!]!];
      const inputs = names.map((name) => tensorOf(all.get(name)!));
      const dy = tensorOf<tf.Rank.R4>(all.get("dO")!);
      const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
        const [q, k, v] = args as tf.Tensor4D[];
        const [beta, f, b] = args.slice(3) as tf.Tensor3D[];
        return deltaAttention(q!, k!, v!, beta!, {
          ...options,
          scale: 1,
          causal: direction === "causal",
          ...f && { decay: bidirectionalDecay(f, b!) },
        });
      })(inputs, dy);
      const compare = async (name: string, x: tf.Tensor, bound: number) => {
        const wanted = all.get(`${prefix}.${name}`);
        // A causal token reads no gate of the other direction.
        if (!wanted) {
          return assertEquals([name, direction], ["dgb", "causal"]);
        }
        const got = await x.data();
        const size = wanted.values.reduce((m, x) => Math.max(m, Math.abs(x)));
        wanted.values.forEach((x, i) =>
          assertLess(Math.abs(x - got[i]!), bound * size, `${prefix}.${name}`)
        );
      };
      await compare("y", value, forward);
      for (
        const [i, name] of ["dq", "dk", "dv", "dbeta", "dgf", "dgb"].entries()
      ) {
        if (grads[i]) await compare(name, grads[i], gradient);
      }
      tf.dispose([...inputs, dy, value, ...grads]);
    }
  },
);

onEachBackend(
  "deltaAttention() takes a decay of each head, and integers",
  async () => {
    const random = uniform(3);
    const shape: [number, number, number, number] = [2, 2, 9, 4];
    const integers = Int32Array.from({ length: 144 }, () => 3 * random());
    const [whole, floats] = ["int32", "float32"].map((dtype) =>
      tf.tensor4d(integers, shape, dtype as "int32" | "float32")
    );
    const beta = tf.fill<tf.Rank.R3>([2, 2, 9], 0.1);
    const perHead = tf.tensor1d([-0.1, -2]);
    const perToken = tf.tidy(() =>
      tf.tile(tf.reshape(perHead, [1, 2, 1]), [2, 1, 9])
    );
    const fixed = deltaAttention(whole!, whole!, whole!, beta, {
      decay: fixedDecay(perHead),
    });
    const selective = deltaAttention(floats!, floats!, floats!, beta, {
      decay: selectiveDecay(perToken as tf.Tensor3D, { convention: "arrival" }),
    });
    assertEquals(await fixed.data(), await selective.data());
    tf.dispose([whole!, floats!, beta, perHead, perToken, fixed, selective]);
  },
);

onEachBackend(
  "deltaAttention() of keys that repeat stays exact, though powers of their products are huge",
  async (backend) => {
    const c = { batch: 1, heads: 1, length: 40, causal: false } as const;
    const problem = problemOf({
      ...c,
      gate: "none",
      padded: false,
      packed: false,
    });
    // Towards 2 rounding errors of equal keys no longer fade.
    for (const beta of [1, 1.5]) {
      const k = problem.k.map((_, i) => problem.k[i % problem.headDim]!);
      const repeated = { ...problem, k, beta: problem.beta.map(() => beta) };
      const expected = solveDelta(repeated);
      for (const options of RUNS) {
        const actual = await run(repeated, options);
        assertEquals(
          differences(repeated, actual, expected, TOLERANCE[backend]),
          [],
        );
      }
    }
  },
);

onEachBackend(
  "deltaAttention() refuses what it cannot use, and says why",
  () => {
    tf.engine().startScope();
    const x = tf.zeros<tf.Rank.R4>([1, 2, 3, 4]);
    const beta = tf.zeros<tf.Rank.R3>([1, 2, 3]);
    const refuse = (
      options: Record<string, unknown>,
      kind: typeof TypeError | typeof RangeError,
      message: string,
    ) =>
      assertThrows(
        () => deltaAttention(x, x, x, beta, options as DeltaAttentionOptions),
        kind,
        message,
      );
    refuse({ chunksize: 4 }, TypeError, '"chunkSize"');
    refuse({ form: "full" }, RangeError, '"auto", "recurrent" or "chunkwise"');
    refuse({ chunkSize: 0 }, RangeError, "chunkSize");
    refuse({ scale: NaN }, RangeError, "scale");
    refuse({ causal: 1 }, TypeError, "causal");
    refuse({ kernel: 1 }, TypeError, "kernel");
    refuse({ mask: tf.zeros([1, 4]) }, TypeError, "mask should have shape");
    refuse({ segments: tf.zeros([2, 3]) }, TypeError, "segments should have");
    refuse({ decay: selectiveDecay(beta) }, RangeError, "arrival");
    refuse({ decay: "none" }, TypeError, "decay should be made by");
    assertThrows(
      () => deltaAttention(x, x, x, tf.zeros<tf.Rank.R3>([1, 2, 4])),
      TypeError,
      "beta should have shape",
    );
    const empty = tf.zeros<tf.Rank.R4>([1, 2, 3, 0]);
    assertThrows(
      () => deltaAttention(empty, empty, x, beta),
      RangeError,
      "empty",
    );
    tf.engine().endScope();
  },
);
