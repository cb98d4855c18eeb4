/**
 * Each model of the family on each backend, in each of its forms, against the
 * float64 loop of its paper's recurrence: outputs and gradients.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  family,
  type FamilyOptions,
  gatedRfa,
  type GatedRfaInputs,
  gateLoop,
  linearTransformer,
  rwkv6,
} from "../../lib/family/mod.ts";
import { softmaxAttention } from "../../mod.ts";
import { positiveRandomFeatures } from "../../lib/operations/mod.ts";
import { spoilPadding } from "../attention/cases.ts";
import { onEachBackend } from "../backends.ts";
import { differences } from "../comparison.ts";
import { readFixtures, tensorOf } from "../fixtures.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { type Case, problemOf, run, TOLERANCE } from "./cases.ts";
import { type Model, MODELS } from "./models.ts";
import { solveRecurrence } from "./recurrence.ts";

/** Runs a case in all forms and returns what differs from the recurrence. */
async function failuresOf(model: Model, c: Case) {
  const problem = problemOf(model, c);
  const expected = solveRecurrence(model, problem);
  const failures: string[] = [];
  for (const form of model.forms) {
    const actual = await run(model, problem, { form, chunkSize: 16 });
    failures.push(
      ...differences(problem, actual, expected, TOLERANCE).map((line) =>
        `${form} ${JSON.stringify(c)}: ${line}`
      ),
    );
  }
  return failures;
}

/** The first and the last are computed on every backend. */
const CASES: Case[] = [1, 2, 130, 67].flatMap((length, l) =>
  [false, true].map((causal, c) => ({
    ...(l + c) % 2
      ? { batch: 1, heads: 3, padded: false, packed: l > 1 }
      : { batch: 2, heads: 1, padded: true, packed: l % 2 === 1 },
    length,
    causal,
    headDim: 4,
    valueDim: 3,
  }))
);

for (const model of MODELS) {
  onEachBackend(
    `${model.name}() equals its paper's recurrence in every form, outputs and gradients`,
    async (backend) => {
      const failures: string[] = [];
      for (const c of sampleForms(backend, CASES, () => false)) {
        failures.push(...await failuresOf(model, c));
      }
      assertEquals(failures, []);
    },
  );

  // In each form; `padding_test.ts` has its own form on every backend.
  onEachBackend(`${model.name}() never reads padding`, async () => {
    const c = { ...CASES[2]!, length: 20, padded: true };
    const problem = problemOf(model, c);
    const spoiled = Object.entries(problem.inputs).map(([name, x]) => {
      const isVector = model.inputs[name]!.length === 4 &&
        !["logDecay", "forget", "phase"].includes(name);
      const copy = x.slice();
      if (isVector) spoilPadding(copy, problem.mask!, c);
      return [name, copy];
    });
    const inputs = Object.fromEntries(spoiled);
    const dy = problem.dy.slice();
    spoilPadding(dy, problem.mask!, c);
    for (const form of model.forms) {
      const options = { form, chunkSize: 8 };
      assertEquals(
        await run(model, { ...problem, inputs, dy }, options),
        await run(model, problem, options),
      );
    }
  }, ["wasm"]);
}

/** Inputs that make a model's decay e^-2, by name. */
const STEADY = {
  logDecay: -2,
  gate: Math.exp(-2),
  forget: Math.exp(-2),
  // Its sigmoid is.
  forgetGate: -Math.log(Math.expm1(2)),
  // Their product is -2.
  dt: 1,
  a: -2,
};

for (const model of MODELS) {
  const decays = Object.entries(STEADY).filter(([name]) =>
    name in model.inputs
  );
  if (decays.length === 0) continue;
  onEachBackend(
    `${model.name}() stays finite under decays of e^-2 a token, at 4,096 tokens`,
    async () => {
      for (const causal of [false, true]) {
        const problem = problemOf(model, {
          ...{ batch: 1, heads: 1, length: 4096, headDim: 4, valueDim: 3 },
          ...{ causal, padded: false, packed: false },
        });
        decays.forEach(([name, value]) => problem.inputs[name]!.fill(value));
        const { y, gradients } = await run(model, problem, {});
        for (const [name, x] of Object.entries({ y, ...gradients })) {
          assert(x.every(Number.isFinite), name);
        }
      }
    },
    // On cpu the plain forms, which webgpu has too, take minutes.
    ["wasm", "webgpu"],
  );
}

onEachBackend(
  "rwkv6() reproduces the figures of the PyTorch reference",
  async () => {
    const all = await readFixtures("ref_rwkv6");
    const names = ["q", "k", "v", "w", "u"];
    for (const direction of ["causal", "bidir"]) {
      for (const form of ["full", "recurrent", "chunkwise"] as const) {
        const inputs = names.map((name) => tensorOf(all.get(name)!));
        const dy = tensorOf<tf.Rank.R4>(all.get("dO")!);
        const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
          const [r, k, v, logDecay, bonus] = args as tf.Tensor4D[];
          return rwkv6(
            {
              r: r!,
              k: k!,
              v: v!,
              logDecay: logDecay!,
              bonus: tf.reshape(bonus!, [2, 8]),
            },
            { causal: direction === "causal", form, chunkSize: 8 },
          );
        })(inputs, dy);
        const bounds = [TOLERANCE.forward, ...names.map(() => 5e-6)];
        for (const [i, x] of [value, ...grads].entries()) {
          const name = i === 0 ? "y" : `d${names[i - 1]}`;
          const wanted = all.get(`${direction}.${name}`)!.values;
          const size = wanted.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
          const got = await x.data();
          wanted.forEach((x, at) =>
            assertLess(Math.abs(x - got[at]!), bounds[i]! * size, name)
          );
        }
        tf.dispose([...inputs, dy, value, ...grads]);
      }
    }
  },
);

onEachBackend("angles of thousands of tokens keep their digits", async () => {
  const length = 4000;
  const phase = array(length, uniform(1), (u) => 3 * u);
  let angle = 0;
  const expected = phase.map((x, i) => Math.cos(angle += i ? x : 0));
  const shape: [number, number, number, number] = [1, 1, length, 1];
  const one: tf.Tensor4D = tf.ones(shape);
  const first = tf.tidy(() => {
    const v = tf.pad(tf.ones([1, 1, 1, 1]), [[0, 0], [0, 0], [0, length - 1], [
      0,
      0,
    ]]);
    return gateLoop({
      q: one,
      k: one,
      v: v as tf.Tensor4D,
      logDecay: tf.zeros(shape),
      phase: tf.tensor4d(phase, shape),
    }, { causal: true });
  });
  const got = await first.data();
  expected.forEach((x, i) => assertLess(Math.abs(x - got[i]!), 1e-6));
  tf.dispose([one, first]);
});

onEachBackend(
  "linearTransformer() of positive random features is near softmax attention",
  async () => {
    const random = uniform(5);
    const shape: [number, number, number, number] = [1, 2, 20, 4];
    const [q, k, v] = [1, 2, 3].map(() =>
      tf.tensor4d(array(160, random), shape)
    );
    const directions = tf.randomNormal<tf.Rank.R2>(
      [4096, 4],
      0,
      1,
      "float32",
      7,
    );
    const featureMap = positiveRandomFeatures(directions);
    const y = linearTransformer({ q: q!, k: k!, v: v! }, { featureMap });
    const expected = softmaxAttention(q!, k!, v!);
    const [got, wanted] = await Promise.all([y.data(), expected.data()]);
    wanted.forEach((x, i) => assertLess(Math.abs(x - got[i]!), 0.02));
    tf.dispose([q!, k!, v!, directions, y, expected]);
  },
);

Deno.test("the table has every function of the family", () => {
  assertEquals(
    family.map((member) => member.function.name).sort(),
    MODELS.map((model) => model.name).sort(),
  );
});

onEachBackend("the family refuses what it cannot use, and says why", () => {
  tf.engine().startScope();
  const q = tf.zeros<tf.Rank.R4>([1, 2, 3, 4]);
  const gate = tf.zeros<tf.Rank.R3>([1, 2, 3]);
  const refuse = (inputs: unknown, options: unknown, message: string) =>
    assertThrows(
      () => gatedRfa(inputs as GatedRfaInputs, options as FamilyOptions),
      TypeError,
      message,
    );
  const whole = { q, k: q, v: q, gate };
  refuse(undefined, {}, "inputs of gatedRfa should be an object");
  refuse({ ...whole, g: gate }, {}, 'gatedRfa has no input "g"');
  refuse({ q, k: q, v: q }, {}, "gatedRfa's gate should be a tensor");
  refuse({ ...whole, gate: q }, {}, "gatedRfa's gate should have shape");
  refuse({ ...whole, k: tf.zeros([1, 2, 3, 5]) }, {}, "gatedRfa's k should");
  refuse(whole, { decay: 1 }, 'gatedRfa has no option "decay"');
  tf.engine().endScope();
});
