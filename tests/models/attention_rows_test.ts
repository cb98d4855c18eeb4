/** Rows of attention's weights: what they are in float64, and that they make the output. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import {
  type AttentionOptions,
  attentionRows,
  fixedDecay,
  lionAttention,
  lionAttentionLayer,
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
  noDecay,
  selectiveDecay,
  softmaxAttention,
} from "../../mod.ts";
import { weightRows } from "../../lib/attention/weight_rows.ts";
import {
  deltaNetModel,
  gatedDeltaNetModel,
  kimiDeltaAttentionModel,
} from "../../lib/layers/mixers/delta.ts";
import {
  GATED_LINEAR_ATTENTION,
  HGRN2,
  RWKV6,
} from "../../lib/layers/mixers/diagonal.ts";
import type { FamilyModel } from "../../lib/layers/mixers/family.ts";
import { forgettingModel } from "../../lib/layers/mixers/forgetting.ts";
import { LOG_LINEAR_ATTENTION } from "../../lib/layers/mixers/log_linear.ts";
import { mamba3Model } from "../../lib/layers/mixers/mamba3.ts";
import { pathModel } from "../../lib/layers/mixers/path.ts";
import { MAMBA2, MLSTM } from "../../lib/layers/mixers/scalar.ts";
import { combaModel } from "../../lib/layers/mixers/transition.ts";
import { convolveWhole } from "../../lib/layers/mixers/convolution.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { solve, type UnnormalizedProblem } from "../oracle.ts";
import { array, uniform } from "../random.ts";

// Columns that other tests have shaders of.
const [BATCH, HEADS, LENGTH, COLUMNS, VALUES] = [2, 2, 11, 6, 5];
const CHUNK = 8;
/** More than there are columns, not in their order. */
const ROWS = [9, 0, 3, 10, 6, 1];

/** Values that make the output of a head its matrix of weights. */
function identity(): Float32Array {
  return Float32Array.from(
    { length: BATCH * HEADS * LENGTH * LENGTH },
    (_, at) => Number(Math.floor(at / LENGTH) % LENGTH === at % LENGTH),
  );
}

/** The rows of matrices, `[batch · heads][length][length]`, flat. */
function rowsOf(matrices: ArrayLike<number>, rows = ROWS): number[] {
  return Array.from(
    { length: BATCH * HEADS },
    (_, head) =>
      rows.flatMap((row) =>
        Array.from(
          { length: LENGTH },
          (_, j) => matrices[(head * LENGTH + row) * LENGTH + j]!,
        )
      ),
  ).flat();
}

async function assertRows(
  weights: tf.Tensor,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
  about = "",
): Promise<void> {
  const found = await weights.data();
  assertEquals(found.length, expected.length, about);
  found.forEach((value, at) =>
    assert(
      Math.abs(value - expected[at]!) <= tolerance,
      `${about} at ${at}: ${value}, not ${expected[at]}`,
    )
  );
}

const random = uniform(7);
const vectors = (columns: number) =>
  array(BATCH * HEADS * LENGTH * columns, random);
const TENSOR = (values: Float32Array): tf.Tensor4D =>
  tf.tensor4d(values, [
    BATCH,
    HEADS,
    LENGTH,
    values.length / BATCH / HEADS / LENGTH,
  ]);

/** Tokens of the second row are padding at its end; three sequences are packed. */
const MASK = Float32Array.from(
  { length: BATCH * LENGTH },
  (_, at) => Number(at < BATCH * LENGTH - 3),
);
const SEGMENTS = Int32Array.from(
  { length: BATCH * LENGTH },
  (_, at) => Math.floor(at % LENGTH / 4),
);

onEachBackend(
  "the rows of LION are those of the mask times the scores",
  async () => {
    const [q, k] = [vectors(COLUMNS), vectors(COLUMNS)].map((x) =>
      x.map((value) => value + 1.2)
    ) as [Float32Array, Float32Array];
    const logDecay = array(BATCH * HEADS * LENGTH, random, (u) => -2 * u);
    const fixed = Float32Array.of(-0.2, -1);
    const decays = {
      lit: { kind: "none" },
      d: { kind: "fixed", logDecay: fixed },
      s: { kind: "source", logDecay },
    } as const;
    for (const [variant, decay] of Object.entries(decays)) {
      for (const causal of [false, true]) {
        for (const form of ["full", "chunkwise"] as const) {
          const hides = causal ? {} : { mask: MASK, segments: SEGMENTS };
          const problem = {
            ...{ batch: BATCH, heads: HEADS, length: LENGTH },
            ...{ headDim: COLUMNS, valueDim: LENGTH, q, k, v: identity() },
            ...{ scale: COLUMNS ** -0.5, causal, decay, epsilon: 1e-6 },
            ...{ dy: identity(), normalize: true, ...hides },
          } satisfies UnnormalizedProblem & Record<string, unknown>;
          const expected = rowsOf(solve(problem).y.values);
          const weights = tf.tidy(() => {
            const options = {
              ...{ causal, form, chunkSize: CHUNK },
              decay: variant === "lit"
                ? noDecay()
                : variant === "d"
                ? fixedDecay(tf.tensor1d(fixed))
                : selectiveDecay(tf.tensor3d(logDecay, [BATCH, HEADS, LENGTH])),
              ...causal ? {} : {
                mask: tf.tensor2d(MASK, [BATCH, LENGTH]),
                segments: tf.tensor2d(SEGMENTS, [BATCH, LENGTH], "int32"),
              },
            };
            const [queries, keys] = [TENSOR(q), TENSOR(k)];
            return weightRows(
              (v) => lionAttention(queries, keys, v, options),
              TENSOR(vectors(VALUES)),
              ROWS,
            );
          });
          await assertRows(
            weights,
            expected,
            1e-5,
            `${variant} ${causal} ${form}`,
          );
          weights.dispose();
        }
      }
    }
  },
  ["wasm", "cpu"],
);

onEachBackend("the rows of softmax are its weights", async () => {
  const [q, k] = [vectors(COLUMNS), vectors(COLUMNS)];
  const scores = Array.from({ length: BATCH * HEADS * LENGTH }, (_, row) => {
    const head = Math.floor(row / LENGTH);
    const own = q.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    const all = Array.from({ length: LENGTH }, (_, j) => {
      const key = k.subarray((head * LENGTH + j) * COLUMNS);
      const sum = own.reduce((sum, x, at) => sum + x * key[at]!, 0);
      return Math.exp(sum / Math.sqrt(COLUMNS));
    });
    const sum = all.reduce((a, b) => a + b);
    return all.map((weight) => weight / sum);
  });
  const weights = tf.tidy(() => {
    const [queries, keys] = [TENSOR(q), TENSOR(k)];
    return weightRows(
      (v) => softmaxAttention(queries, keys, v),
      TENSOR(vectors(VALUES)),
      ROWS,
    );
  });
  await assertRows(weights, rowsOf(scores.flat()));
  weights.dispose();
}, ["wasm", "cpu"]);

/** Layers whose output is their heads' alone: the projection after them is the identity. */
const LAYERS: readonly AttentionOptions[] = [
  { variant: "lit", numHeads: 2 },
  { variant: "d", numHeads: 2, order: "snake", grid: [2, 5], classToken: true },
  { variant: "s", numHeads: 2 },
  { variant: "s", numHeads: 2, diagonalDecay: "random" },
  { variant: "s", numHeads: 2, normalize: false, countSelf: "twice" },
  { variant: "s", numHeads: 2, direction: "backward" },
  { variant: "s", numHeads: 2, direction: "forward" },
  { variant: "softmax", numHeads: 2, position: "rotary" },
  { variant: "softmax", numHeads: 2, position: "alibi", direction: "backward" },
];

onCpu("the rows of a layer times its values are its output", async () => {
  const dim = 8;
  for (const options of LAYERS) {
    const tokens = layers.input({ shape: [LENGTH, dim] });
    const layer = lionAttentionLayer(options);
    const outputs = layer.apply(tokens) as layers.SymbolicTensor;
    const model = layers.model({ inputs: tokens, outputs });
    const [y, made] = tf.tidy(() => {
      const eye = tf.eye(dim);
      for (const weight of layer.weights) {
        if (weight.name.endsWith("proj.weight")) weight.write(eye);
      }
      const x: tf.Tensor3D = tf.randomNormal(
        [BATCH, LENGTH, dim],
        0,
        1,
        "float32",
        3,
      );
      const weights = attentionRows(model, x, { layer: 0 });
      const all = tf.add(
        tf.dot(
          tf.reshape(x, [-1, dim]),
          layer.parameter("qkv.weight") as tf.Tensor2D,
        ),
        layer.parameter("qkv.bias"),
      );
      const v = tf.slice(tf.reshape(all, [BATCH, LENGTH, 3 * dim]), [
        0,
        0,
        2 * dim,
      ]);
      const heads = tf.transpose(tf.reshape(v, [BATCH, LENGTH, 2, dim / 2]), [
        0,
        2,
        1,
        3,
      ]);
      const read = tf.transpose(tf.matMul(weights, heads), [0, 2, 1, 3]);
      return [
        model.predict(x) as tf.Tensor,
        tf.reshape(read, [BATCH, LENGTH, dim]),
      ] as const;
    });
    await assertRows(made, await y.data(), 2e-5, JSON.stringify(options));
    tf.dispose([y, made]);
    model.dispose();
  }
});

onCpu(
  "the rows of layers that count a token twice are those of both directions",
  async () => {
    const tokens = layers.input({ shape: [LENGTH, 8] });
    const options = { variant: "gated-delta", numHeads: 2 } as const;
    const made = [
      lionAttentionLayer({ ...options, countSelf: "twice" }),
      lionAttentionLayer({ ...options, direction: "forward" }),
      lionAttentionLayer({ ...options, direction: "backward" }),
    ].map((layer) =>
      layers.model({
        inputs: tokens,
        outputs: layer.apply(tokens) as layers.SymbolicTensor,
      })
    );
    const [twice, both] = tf.tidy(() => {
      const x = tf.randomNormal([BATCH, LENGTH, 8], 0, 1, "float32", 4);
      const [weights, ...others] = made.map((model) => {
        model.setWeights(made[0]!.getWeights());
        return attentionRows(model, x, { rows: ROWS });
      });
      return [weights!, tf.addN(others)] as const;
    });
    await assertRows(twice, await both.data(), 1e-6);
    tf.dispose([twice, both]);
    for (const model of made) model.dispose();
  },
);

/** The models of the family whose output is a weighted sum of values. */
const FAMILY: Readonly<Record<string, unknown>> = {
  ...{ gla: GATED_LINEAR_ATTENTION, hgrn2: HGRN2, rwkv6: RWKV6 },
  ...{ mamba2: MAMBA2, mlstm: MLSTM, "log-linear": LOG_LINEAR_ATTENTION },
  ...{ delta: deltaNetModel({}), "gated-delta": gatedDeltaNetModel({}) },
  ...{ kda: kimiDeltaAttentionModel({}), comba: combaModel({}) },
  ...{ mamba3: mamba3Model({}), fox: forgettingModel({}), path: pathModel({}) },
};

onCpu(
  "the rows of the family times values are what these add to the output",
  async () => {
    const [numHeads, dim] = [2, 8];
    for (const [name, given] of Object.entries(FAMILY)) {
      const model = given as FamilyModel<Record<string, tf.Tensor4D>>;
      const values = model.values!;
      const [expected, made] = tf.tidy(() => {
        const numbers = new Map(
          model.parameters(dim, numHeads).map(({ name, shape }) => [
            name,
            tf.tensor(
              array(tf.util.sizeFromShape([...shape]), random, (u) => u - 0.5),
              [...shape],
            ),
          ]),
        );
        const x: tf.Tensor3D = tf.randomNormal(
          [BATCH, LENGTH, dim],
          0,
          1,
          "float32",
          5,
        );
        const mask = tf.tensor2d(MASK, [BATCH, LENGTH]);
        const call = { causal: false, mask, segments: undefined };
        const { inputs } = model.project(
          x,
          (name) => numbers.get(name)!,
          numHeads,
          convolveWhole(call),
        );
        const run = (v: tf.Tensor4D) =>
          model.run({ ...inputs, [values]: v }, call);
        const v = inputs[values]!;
        const weights = weightRows(
          run,
          v,
          Array.from({ length: LENGTH }, (_, i) => i),
        );
        return [
          tf.sub(run(v), run(tf.zerosLike(v))),
          tf.matMul(weights, v),
        ] as const;
      });
      await assertRows(made, await expected.data(), 1e-4, name);
      tf.dispose([expected, made]);
    }
  },
);

onCpu("padding and other sequences have no weight", async () => {
  const model = lionEncoder({
    ...{ inputDim: 2, dim: 8, depth: 2, numHeads: 2, numClasses: 2 },
    ...{ variant: "s", output: "tokens", segments: true, seed: 1 },
  });
  const x: tf.Tensor3D = tf.randomNormal([1, 6, 2], 0, 1, "float32", 2);
  const mask = tf.tensor2d([[1, 1, 1, 1, 1, 0]]);
  const packed = tf.tensor2d([[1, 1, 2, 2, 2, 2]], [1, 6], "int32");
  const weights = attentionRows(model, [x, mask, packed]);
  const rows = await weights.array() as number[][][][];
  for (const head of rows[0]!) {
    head.forEach((row, i) =>
      row.forEach((weight, j) =>
        assertEquals(weight > 0, i < 5 && j < 5 && i < 2 === j < 2)
      )
    );
  }
  // Alone, the second sequence has the same.
  const alone = tf.slice(x, [0, 2, 0], [1, 3, 2]);
  const others = [tf.ones([1, 3]), tf.ones([1, 3], "int32")];
  const own = attentionRows(model, [alone, ...others], {
    heads: [1],
    rows: [1],
  });
  assertEquals(own.shape, [1, 1, 1, 3]);
  await assertRows(own, rows[0]![1]![3]!.slice(2, 5), 1e-6);
  tf.dispose([x, mask, packed, weights, alone, ...others, own]);
  model.dispose();
});

onCpu(
  "layers are those of ViT, BERT, GPT and a model of one's own, in their order",
  async () => {
    const sizes = {
      dim: 8,
      depth: 2,
      numHeads: 2,
      variant: "d" as const,
      seed: 1,
    };
    const ids = tf.tensor2d([[1, 2, 3, 1]], [1, 4], "int32");
    const ones = tf.ones([1, 4]), types = tf.zeros([1, 4], "int32");
    const image = tf.ones([1, 4, 4, 1]);
    const bert = lionBert({ ...sizes, vocabularySize: 5, maxLength: 8 });
    const gpt = lionGpt({ ...sizes, vocabularySize: 5, maxLength: 8 });
    const vit = lionViT({
      ...sizes,
      imageSize: 4,
      patchSize: 2,
      channels: 1,
      numClasses: 2,
    });
    const input = layers.input({ shape: [3, 8] });
    const block = lionBlock({ variant: "lit", numHeads: 4 });
    const inner = layers.model({
      inputs: input,
      outputs: block.apply(input) as layers.SymbolicTensor,
    });
    const outer = layers.input({ shape: [3, 8] });
    const twice = inner.apply(inner.apply(outer)) as layers.SymbolicTensor;
    const nested = layers.model({ inputs: outer, outputs: twice });
    const tokens = tf.randomNormal([1, 3, 8]);
    const shapes = [
      attentionRows(bert, [ids, ones, types], { rows: [3] }),
      attentionRows(gpt, ids, { layer: 0 }),
      attentionRows(vit, image, { layer: -2, rows: [0] }),
      attentionRows(nested, tokens, { layer: 1 }),
    ];
    assertEquals(shapes.map(({ shape }) => shape), [
      [1, 2, 1, 4],
      [1, 2, 4, 4],
      [1, 2, 1, 5],
      [1, 4, 3, 3],
    ]);
    // A causal token reads nothing of later ones.
    const [heads] = await shapes[1]!.array() as number[][][][];
    heads![0]!.forEach((row, i) =>
      row.forEach((weight, j) => assertEquals(weight !== 0, j <= i))
    );
    const [first, second] = [0, 1].map((layer) =>
      attentionRows(nested, tokens, { layer })
    );
    const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(first!, second!))));
    assert((await difference.data())[0]! > 1e-6);
    tf.dispose([
      ids,
      ones,
      types,
      image,
      tokens,
      ...shapes,
      first!,
      second!,
      difference,
    ]);
    for (const model of [bert, gpt, vit, nested, inner]) model.dispose();
  },
);

onEachBackend("rows of 100,000 tokens need no matrix", async () => {
  const length = 100_000;
  const model = lionEncoder({
    ...{ inputDim: 1, dim: 8, depth: 1, numHeads: 2, numClasses: 2 },
    ...{ variant: "s", mask: false, seed: 1 },
  });
  const x = tf.randomNormal([1, length, 1], 0, 1, "float32", 1);
  const rows = [0, 50_000, length - 1];
  let weights: tf.Tensor4D | undefined;
  const { peakBytes } = await tf.profile(() => {
    weights = attentionRows(model, x, { rows });
    return weights;
  });
  assert(peakBytes < 1000 * length, `${peakBytes}`);
  assertEquals(weights!.shape, [1, 2, 3, length]);
  const sums = tf.sum(weights!, 3);
  await assertRows(sums, new Float32Array(6).fill(1), 1e-4);
  tf.dispose([x, weights!, sums]);
  model.dispose();
}, ["wasm"]);

onCpu("attentionRows() says what it cannot do", () => {
  const sizes = { inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 2 };
  const model = lionEncoder({ ...sizes, variant: "s" });
  const hydra = lionEncoder({ ...sizes, variant: "hydra" });
  const x = tf.ones([1, 3, 2]), mask = tf.ones([1, 3]), inputs = [x, mask];
  const refused = (
    kind: typeof TypeError | typeof RangeError,
    text: string,
    options: unknown,
    of = model,
  ) =>
    assertThrows(
      () => attentionRows(of, inputs, options as { layer?: number }),
      kind,
      text,
    );
  refused(
    TypeError,
    "with variant hydra, in which tokens have no weights",
    {},
    hydra,
  );
  refused(RangeError, "layer should be an integer from -1 to 0, got 1", {
    layer: 1,
  });
  refused(RangeError, "rows should be an integer from 0 to 2, got 3", {
    rows: [3],
  });
  refused(RangeError, "heads should be an integer from 0 to 1, got 2", {
    heads: [2],
  });
  refused(RangeError, "rows should be one or more", { rows: [] });
  refused(TypeError, "rows", { rows: 1 });
  refused(TypeError, 'did you mean "rows"', { row: [1] });
  const dense = layers.sequential({
    layers: [layers.layers.dense({ units: 1, inputShape: [2] })],
  });
  const pair = tf.slice(mask, [0, 0], [-1, 2]);
  assertThrows(() => attentionRows(dense, pair), TypeError, "mix tokens");
  pair.dispose();
  assertThrows(
    () => attentionRows(model, [mask, undefined] as unknown as tf.Tensor[]),
    TypeError,
    "inputs should be the model's",
  );
  tf.dispose(inputs);
  for (const one of [model, hydra, dense]) one.dispose();
});
