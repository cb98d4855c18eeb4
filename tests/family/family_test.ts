/**
 * Each model of the family on each backend, in each of its forms, against the
 * float64 loop of its paper's recurrence: outputs and gradients.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { GatedRfaInputs } from "../../lib/family/gated_rfa.ts";
import {
  family,
  type FamilyOptions,
  gatedRfa,
  gateLoop,
  linearTransformer,
} from "../../lib/family/mod.ts";
import { type BackendName, softmaxAttention } from "../../mod.ts";
import { positiveRandomFeatures } from "../../lib/operations/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { testCases } from "../subjects/checks.ts";
import { FAMILY } from "../subjects/family.ts";
import { resultOf } from "../subjects/subject.ts";

for (const subject of FAMILY) testCases(subject);

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

for (const subject of FAMILY) {
  /** Of 256 tokens decays are e^-512 already, and software WebGPU takes long for more. */
  const tokensOn = (backend: BackendName) =>
    // It holds all scores, and all of their gradients, at once.
    (subject.name === "pathAttention" ? 1024 : 4096) /
    (backend === "webgpu" ? 4 : 1);
  const steady = (length: number, causal: boolean) => {
    const problem = subject.problemOf({
      ...{ batch: 1, heads: 1, length, headDim: 4, valueDim: 3, causal },
    });
    const decays = Object.entries(STEADY)
      .filter(([name]) => name in problem.inputs);
    for (const [name, value] of decays) {
      problem.inputs[name]!.values.fill(value);
    }
    return { problem, decays };
  };
  if (steady(1, false).decays.length === 0) continue;
  onEachBackend(
    `${subject.name}() stays finite under decays of e^-2 a token, at many tokens`,
    async (backend) => {
      for (const causal of [false, true]) {
        const { y, gradients } = await resultOf(
          subject,
          steady(tokensOn(backend), causal).problem,
        );
        for (const [name, x] of Object.entries({ y, ...gradients })) {
          assert(x.every(Number.isFinite), name);
        }
      }
    },
    // On cpu the plain forms, which webgpu has too, take minutes.
    ["wasm", "webgpu"],
  );
}

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
    FAMILY.map((subject) => subject.name).sort(),
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
