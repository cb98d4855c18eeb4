/** Queries and keys of one head count for all heads of the values. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type Decay,
  diagonalDecay,
  explainAttention,
  fixedDecay,
  lionAttention,
  type LionAttentionOptions,
  noDecay,
  twoSidedDecay,
  useBackend,
} from "../../mod.ts";
import { BACKENDS, onEachBackend, TOLERANCE } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";

interface Case {
  readonly form: AttentionForm;
  readonly decay: keyof typeof DECAYS;
  readonly sizes: typeof SIZES[number];
  readonly causal: boolean;
  readonly normalize: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
}

/** Decays of some numbers, of which the gradient is compared too. */
const DECAYS: Readonly<Record<string, (x: tf.Tensor) => Decay>> = {
  none: () => noDecay(),
  fixed: (x) => fixedDecay(tf.mean(x, [0, 2, 3]) as tf.Tensor1D),
  "two-sided": (x) => {
    const each = tf.mean(x, 3) as tf.Tensor3D;
    return twoSidedDecay(each, tf.mul(each, 2));
  },
  diagonal: (x) => diagonalDecay(x as tf.Tensor4D),
};

/** Of several chunks of 32 tokens and a part of one, and rows that are whole vectors or not. */
const SIZES = [
  { batch: 2, heads: 3, length: 1, headDim: 3, valueDim: 2 },
  { batch: 2, heads: 2, length: 7, headDim: 5, valueDim: 8 },
  { batch: 1, heads: 3, length: 70, headDim: 12, valueDim: 3 },
  { batch: 2, heads: 2, length: 45, headDim: 8, valueDim: 16 },
] as const;

const CASES: Case[] = (["full", "chunkwise"] as const)
  .flatMap((form) =>
    Object.keys(DECAYS).flatMap((decay) =>
      SIZES.flatMap((sizes) =>
        [false, true].flatMap((causal) =>
          [
            {
              ...{ form, decay, sizes, causal },
              normalize: true,
              padded: false,
            },
            {
              ...{ form, decay, sizes, causal },
              normalize: false,
              padded: true,
            },
          ].map((c) => ({ ...c, packed: c.padded !== causal }))
        )
      )
    )
  );

function inputsOf({ sizes }: Case): tf.Tensor[] {
  const { batch, heads, length, headDim, valueDim } = sizes;
  const random = uniform(length * heads + headDim);
  const make = (shape: number[], of: (u: number) => number) =>
    tf.tensor(array(tf.util.sizeFromShape(shape), random, of), shape);
  return [
    make([batch, 1, length, headDim], (u) => 0.1 + u),
    make([batch, 1, length, headDim], (u) => 0.1 + u),
    make([batch, heads, length, valueDim], (u) => u - 0.5),
    make([batch, heads, length, headDim], (u) => -u),
    make([batch, heads, length, valueDim], (u) => u - 0.5),
  ];
}

/** The output and all gradients of a case, its keys shared or repeated. */
async function solve(c: Case, isShared: boolean): Promise<Float32Array[]> {
  const { batch, heads, length } = c.sizes;
  const [q, k, v, x, dy] = inputsOf(c);
  const random = uniform(length);
  const mask = tf.tensor2d(
    array(batch * length, random, (u) => u < 0.3 ? 0 : 1),
    [batch, length],
  );
  const segments = tf.tensor2d(
    array(batch * length, random, (u) => u < 0.2 ? 1 : 0),
    [batch, length],
    "int32",
  );
  const options: LionAttentionOptions = {
    form: c.form,
    causal: c.causal,
    normalize: c.normalize,
    ...(c.padded ? { mask } : {}),
    ...(c.packed ? { segments } : {}),
  };
  const { value, grads } = tf.valueAndGrads((q, k, v, x) => {
    const [queries, keys] = [q!, k!].map((x) =>
      (isShared ? x : tf.tile(x, [1, heads, 1, 1])) as tf.Tensor4D
    );
    const decay = DECAYS[c.decay]!(x!);
    const y = lionAttention(queries!, keys!, v as tf.Tensor4D, {
      ...options,
      decay,
    });
    // Without decay, too, there is a gradient in it.
    return tf.add(y, tf.mul(0, tf.sum(x!))) as tf.Tensor4D;
  })([q!, k!, v!, x!], dy as tf.Tensor4D);
  assertEquals(value.shape, v!.shape);
  const results = await Promise.all([value, ...grads].map((x) => x.data()));
  tf.dispose([q!, k!, v!, x!, dy!, mask, segments, value, grads]);
  return results as Float32Array[];
}

onEachBackend(
  "queries and keys that all heads share are as if repeated",
  async (backend) => {
    // Where there is no kernel, keys are repeated first in every form.
    for (const c of sampleForms(backend, CASES, () => false)) {
      const shared = await solve(c, true), repeated = await solve(c, false);
      shared.forEach((values, i) => {
        const largest = Math.max(...repeated[i]!.map(Math.abs), 1e-3);
        const error = Math.max(
          ...values.map((x, at) => Math.abs(x - repeated[i]![at]!)),
        ) / largest;
        const tolerance = TOLERANCE[backend][i === 0 ? "forward" : "gradient"];
        // Neither is the truth: each may be as far from it.
        assert(error < 2 * tolerance, `${i} of ${JSON.stringify(c)}: ${error}`);
      });
    }
  },
  { sampled: true },
);

Deno.test({
  name: "shared keys give the same on any number of threads [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    for (const decay of ["none", "two-sided", "diagonal"]) {
      for (const causal of [false, true]) {
        const sizes = SIZES[2];
        const flags = { normalize: true, padded: false, packed: false };
        const c: Case = { form: "chunkwise", decay, sizes, causal, ...flags };
        await useBackend({ prefer: ["wasm"], threads: 1 });
        const wanted = await solve(c, false);
        for (const threads of [1, 2, 4]) {
          await useBackend({ prefer: ["wasm"], threads });
          (await solve(c, true)).forEach((values, i) => {
            const largest = Math.max(...wanted[i]!.map(Math.abs), 1e-3);
            values.forEach((x, at) =>
              assert(Math.abs(x - wanted[i]![at]!) < 1e-5 * largest)
            );
          });
        }
      }
    }
    await useBackend({ prefer: ["wasm"] });
  },
});

onEachBackend(
  "shared keys have a plan, and other shapes are refused",
  (name) => {
    tf.tidy(() => {
      const q: tf.Tensor4D = tf.ones([2, 1, 40, 4]);
      const v: tf.Tensor4D = tf.ones([2, 3, 40, 5]);
      const planOf = (q: tf.Tensor4D) =>
        explainAttention(q, q, v, { form: "chunkwise" });
      const { kernel, bytes } = planOf(q);
      const wanted = { wasm: "LionSharedChunkwise", webgpu: "LionChunkwise" };
      assertEquals(kernel, name === "cpu" ? null : wanted[name]);
      const spared = name === "wasm" ? 2 * 4 * 2 * (3 - 1) * 40 * 4 : 0;
      assertEquals(planOf(tf.ones([2, 3, 40, 4])).bytes - bytes, spared);
      assertThrows(
        () => lionAttention(tf.ones([2, 2, 40, 4]), tf.ones([2, 2, 40, 4]), v),
        TypeError,
        "v should have shape",
      );
      assertThrows(
        () => lionAttention(q, tf.ones([2, 3, 40, 4]), v),
        TypeError,
        "k should have shape",
      );
    });
  },
);
