/**
 * Decays of each channel on each backend, in every form, against the float64
 * oracle and the figures of the PyTorch reference.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  bidirectionalDecay,
  checkDecay,
  decayMask,
  diagonalDecay,
  explainAttention,
  lionAttention,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { differences } from "../comparison.ts";
import { solveDiagonal } from "../diagonal_oracle.ts";
import { readFixtures, tensorOf } from "../fixtures.ts";
import { headSizes, sampleForms, sampleOf200 } from "../sample.ts";
import {
  type DiagonalCase,
  KINDS,
  problemOf,
  run,
  solvedCase,
} from "./diagonal_cases.ts";

const FORMS = ["full", "recurrent", "blockwise", "chunkwise"] as const;

/** The forms, of which one has a kernel, and that one without it. */
const WAYS = [
  ...FORMS.map((form) => ({ form, kernel: true })),
  { form: "chunkwise", kernel: false },
] as const;

/** Whether no backend has a kernel that computes it so. */
const isPlain = ({ form, kernel }: typeof WAYS[number]) =>
  form !== "chunkwise" || !kernel;

/** What takes turns while lengths and kinds are all met. */
const VARIANTS = [
  { causal: false, normalize: true, padded: false, packed: true },
  { causal: true, normalize: false, padded: true, packed: true },
  { causal: false, normalize: false, padded: true, packed: false },
  { causal: true, normalize: true, padded: false, packed: false },
  { causal: false, normalize: true, padded: true, packed: true },
];

const CASES: DiagonalCase[] = [1, 2, 67, 130].flatMap((length, l) =>
  KINDS.flatMap((kind, k) =>
    [0, 1].map((n) => ({
      length,
      kind,
      ...n ? { batch: 2, heads: 1 } : { batch: 1, heads: 2 },
      headDim: 4,
      valueDim: 3,
      ...VARIANTS[(l + 2 * k + 3 * n) % VARIANTS.length]!,
    }))
  )
);

onEachBackend(
  "lionAttention() with decays of each channel equals the oracle in every form",
  async (backend) => {
    const failures: string[] = [];
    const runs = CASES.flatMap((c) =>
      WAYS.flatMap((way) =>
        (way.form.endsWith("wise") ? [16, 64] : [16])
          .map((chunkSize) => ({ c, ...way, chunkSize }))
      )
    );
    for (
      const { c, form, kernel, chunkSize } of sampleForms(
        backend,
        runs,
        isPlain,
      )
    ) {
      const { problem, solution } = solvedCase(c);
      const actual = await run(problem, form, chunkSize, kernel);
      failures.push(
        ...differences(problem, actual, solution, TOLERANCE[backend]).map(
          (line) =>
            `${form} ${kernel} ${chunkSize} ${JSON.stringify(c)} ${line}`,
        ),
      );
    }
    assertEquals(failures, []);
  },
);

onEachBackend(
  "lionAttention() with decays of each channel equals the oracle at 200 random shapes",
  async (backend) => {
    const integer = (max: number) => fc.integer({ min: 1, max });
    const cases = fc.tuple(
      fc.record({
        batch: integer(2),
        heads: integer(3),
        length: integer(11),
        kind: fc.constantFrom(...KINDS),
        causal: fc.boolean(),
        normalize: fc.boolean(),
        padded: fc.boolean(),
        packed: fc.boolean(),
      }),
      headSizes(backend, { headDim: 6, valueDim: 6, chunkSize: 12 }),
      fc.constantFrom(...WAYS),
    );
    const failures: string[] = [];
    const chosen = sampleOf200(backend, cases, ([, , way]) => isPlain(way));
    for (const [shape, { chunkSize, ...dims }, { form, kernel }] of chosen) {
      const c = { ...shape, ...dims };
      const problem = problemOf(c);
      const actual = await run(problem, form, chunkSize, kernel);
      const expected = solveDiagonal(problem);
      failures.push(
        ...differences(problem, actual, expected, TOLERANCE[backend])
          .map((line) => `${form} ${chunkSize} ${JSON.stringify(c)} ${line}`),
      );
    }
    assertEquals(failures, []);
  },
);

onEachBackend(
  "decays of each channel reproduce the figures of the PyTorch reference",
  async (backend) => {
    const all = await readFixtures("ref_diag");
    const outputs = [...all.keys()].filter((name) => name.endsWith(".y"));
    assertEquals(outputs.length, 14);
    const runs = outputs.flatMap((output) =>
      FORMS.map((form) => ({ output, form }))
    );
    for (
      const { output, form } of sampleForms(
        backend,
        runs,
        ({ form }) => isPlain({ form, kernel: true }),
      )
    ) {
      const [decay, direction, scaling] = output.split(".");
      const suffix = scaling === "scaled" ? "_pos" : "";
      const inputs = [
        ...["q", "k"].map((name) => name + suffix),
        "v",
        `${decay}.f`,
        `${decay}.b`,
      ].map((name) => tensorOf(all.get(name)!));
      const dy = tensorOf<tf.Rank.R4>(all.get("dO")!);
      const values = (name: string) =>
        all.get(output.replace(/y$/, name))?.values;
      const size = (name: string) =>
        values(name)?.reduce((max, x) => Math.max(max, Math.abs(x)), 0) ?? 0;
      const ofVectors = Math.max(...["dq", "dk", "dv"].map(size));
      const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
        const [q, k, v, f, b] = args as tf.Tensor4D[];
        return lionAttention(q!, k!, v!, {
          decay: bidirectionalDecay(f!, b!),
          form,
          chunkSize: 8,
          normalize: scaling === "scaled",
          causal: direction === "causal",
        });
      })(inputs, dy);
      const { forward, gradient } = TOLERANCE[backend];
      for (
        const [name, x, bound] of [
          ["y", value, forward * size("y")],
          ["dq", grads[0]!, gradient * ofVectors],
          ["dk", grads[1]!, gradient * ofVectors],
          ["dv", grads[2]!, gradient * ofVectors],
          ["df", grads[3]!, gradient * size("df")],
          ["db", grads[4]!, gradient * size("db")],
        ] as const
      ) {
        const wanted = values(name);
        const got = await x.data();
        const zero = direction === "causal" && name === "db";
        got.forEach((value, i) => {
          const error = Math.abs(value - (zero ? 0 : wanted![i]!));
          assert(error <= bound, `${output} as ${form}: ${name}`);
        });
      }
      tf.dispose([...inputs, dy, value, ...grads]);
    }
  },
);

onEachBackend(
  "e^-2 a token neither overflows nor loses what is near, at 4,096 tokens",
  async () => {
    const [length, headDim] = [4096, 4];
    const shape: [number, number, number, number] = [1, 1, length, headDim];
    const one: tf.Tensor4D = tf.ones(shape);
    const logDecay: tf.Tensor4D = tf.fill(shape, -2);
    const decay = diagonalDecay(logDecay);
    const attend = (q: tf.Tensor, decay: tf.Tensor) =>
      lionAttention(q as tf.Tensor4D, one, one, {
        decay: diagonalDecay(decay as tf.Tensor4D),
        normalize: false,
        scale: 1 / headDim,
        chunkSize: 64,
      });
    const { value, grads } = tf.valueAndGrads(attend)([one, logDecay]);
    const ratio = Math.exp(-2);
    const inside = (1 + ratio) / (1 - ratio);
    const y = await value.data();
    y.subarray(64, y.length - 64).forEach((x) =>
      assertLess(Math.abs(x / inside - 1), 2e-6)
    );
    for (const x of [value, ...grads]) {
      assert((await x.data()).every(Number.isFinite));
    }
    const wide = diagonalDecay(tf.fill(shape, -60));
    const normalized = lionAttention(one, one, one, { decay: wide });
    (await normalized.data()).forEach((x) => assertLess(Math.abs(x - 1), 1e-5));
    // Only the last token's are wrong: the first values are looked at anyway.
    const positive = bidirectionalDecay(
      logDecay,
      tf.tidy(() =>
        tf.concat([
          tf.slice(logDecay, [0, 0, 0, 0], [1, 1, length - 1, headDim]),
          tf.ones<tf.Rank.R4>([1, 1, 1, headDim]),
        ], 2)
      ),
    );
    await assertRejects(() => checkDecay(positive), RangeError, "backward");
    await checkDecay(decay);
    for (const decay of [wide, positive]) {
      if (decay.kind === "diagonal") decay.logDecay.dispose();
      if (decay.kind === "two-sided-diagonal") decay.backward.dispose();
    }
    tf.dispose([one, logDecay, value, ...grads, normalized]);
  },
);

onEachBackend(
  "decays of each channel have a kernel where one is told",
  (backend) => {
    const x = tf.zeros<tf.Rank.R4>([1, 2, 600, 32]);
    const decay = diagonalDecay(x);
    for (const form of ["auto", ...FORMS] as const) {
      const plan = explainAttention(x, x, x, { decay, form });
      const fused = backend !== "cpu" && ["auto", "chunkwise"].includes(form);
      assertEquals(plan.kernel, fused ? "LionChunkwise" : null);
      const reason = fused
        ? `${backend}, `
        : backend === "cpu"
        ? "backend cpu has no kernel of its own"
        : `the ${backend} kernel of the ${
          form === "auto" ? "chunkwise" : form
        } form does not support diagonal decays`;
      assert(plan.reason.startsWith(reason), plan.reason);
    }
    x.dispose();
  },
);

onEachBackend("explainAttention() knows decays of each channel", async () => {
  for (const form of FORMS) {
    for (const causal of [false, true]) {
      const shape: [number, number, number, number] = [1, 2, 600, 32];
      const x = tf.randomUniform<tf.Rank.R4>(shape, 0, 1, "float32", 1);
      const g = tf.fill<tf.Rank.R4>(shape, -0.1);
      const decay = diagonalDecay(g);
      const options = { decay, form, causal, kernel: false };
      const plan = explainAttention(x, x, x, options);
      assertEquals(plan.kernel, null);
      const before = tf.memory().numBytes;
      const { peakBytes, result } = await tf.profile(() => {
        lionAttention(x, x, x, options).dispose();
        return tf.scalar(0);
      });
      const inputs = 4 * (3 + (causal ? 1 : 2)) * x.size;
      const ratio = plan.peakBytes / (peakBytes - before + inputs);
      const label = `${form} ${causal ? "causal" : ""}: ${ratio}`;
      assert(ratio > 0.7 && ratio < 1.4, label);
      tf.dispose([x, g, result as tf.Tensor]);
    }
  }
  // Buffers of webgpu are not in the profile, and cpu makes the same tensors.
}, ["wasm"]);

onEachBackend("decays of each channel are refused with a reason", () => {
  tf.engine().startScope();
  const x = tf.zeros<tf.Rank.R4>([1, 2, 3, 4]);
  const flat = tf.zeros<tf.Rank.R3>([1, 2, 3]);
  const attend = (decay: ReturnType<typeof diagonalDecay>) =>
    lionAttention(x, x, x, { decay });
  assertThrows(
    () => attend(diagonalDecay(tf.zeros([1, 2, 3, 5]))),
    TypeError,
    "diagonalDecay's logDecay should have shape",
  );
  assertThrows(
    () => diagonalDecay(flat as unknown as tf.Tensor4D),
    TypeError,
    "[batch, heads, length, headDim]",
  );
  assertThrows(
    () => bidirectionalDecay(x, flat as unknown as tf.Tensor4D),
    TypeError,
    "bidirectionalDecay's backward",
  );
  const convention = "left" as "source";
  assertThrows(() => diagonalDecay(x, { convention }), RangeError, "left");
  assertThrows(
    () => decayMask(diagonalDecay(x), 3),
    TypeError,
    "one mask per channel",
  );
  tf.engine().endScope();
});
