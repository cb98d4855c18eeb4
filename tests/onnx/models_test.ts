/** Models as ONNX files: what the interpreter computes is what the models predict. @module */
import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  layers,
  type LayersModel,
  model,
} from "@tensorflow/tfjs-layers";
import {
  fixedDecay,
  lionAttention,
  lionBert,
  lionEncoder,
  type LionEncoderOptions,
  lionGpt,
  lionViT,
  logSigmoid,
  type Mixer,
} from "../../mod.ts";
import type { OnnxForm } from "../../lib/onnx/attention/style.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { errorOf, interpreted, SIZES, stir } from "./exported.ts";

/** The largest error, relative to the largest output. */
const TOLERANCE = 1e-5;

const FORMS: readonly OnnxForm[] = ["chunkwise", "full", "contrib"];

const SIZE = { dim: 8, depth: 1, numHeads: 2, seed: 1 } as const;
const TEXT = { ...SIZE, vocabularySize: 20 } as const;

/** A moving average of each channel, of which the library knows nothing. */
const OWN: Mixer = {
  parameters: (shape) => [
    { name: "pace", shape: [shape.at(-1)!], initial: "zeros" },
  ],
  apply(x, parameters, { causal, mask, segments }) {
    const v: tf.Tensor4D = tf.expandDims(tf.transpose(x, [0, 2, 1]), 3);
    const ones = tf.onesLike(v);
    const decay = fixedDecay(logSigmoid(parameters("pace") as tf.Tensor1D));
    const options = { decay, causal, mask, segments };
    const y = lionAttention(ones, ones, v, options);
    return tf.transpose(tf.squeeze<tf.Tensor3D>(y, [3]), [0, 2, 1]);
  },
  operations: () => 0,
};

/** Throws unless a model's files, in some forms, compute what it does. */
async function assertSame(
  made: LayersModel,
  forms: readonly OnnxForm[] = ["chunkwise"],
  tolerance = TOLERANCE,
): Promise<void> {
  try {
    stir(made);
    for (const form of forms) {
      const file = await interpreted(made, { form });
      assertLess(await errorOf(made, file), tolerance, form);
    }
  } finally {
    made.dispose();
  }
}

const test = (name: string, run: () => Promise<void>) =>
  onEachBackend(name, run, ["wasm"]);

for (const variant of ATTENTION_VARIANTS) {
  test(`an encoder of ${variant} is the same in ONNX`, async () => {
    await assertSame(lionEncoder({ ...TEXT, numClasses: 3, variant }), FORMS);
  });
  test(`packed sequences of ${variant} are the same in ONNX`, async () => {
    const packed = { segments: true, maxSegments: 3, maxLength: 16 };
    const options = { ...TEXT, ...packed, numClasses: 3, variant };
    await assertSame(lionEncoder(options));
  });
  // Hydra reads both sides, and has no causal version.
  if (variant === "hydra") continue;
  test(`a language model of ${variant} is the same in ONNX`, async () => {
    await assertSame(lionGpt({ ...TEXT, variant }), ["chunkwise", "contrib"]);
    await assertSame(lionGpt({ ...TEXT, variant, segments: true }));
  });
}

/** Options of encoders, beside those of the sizes. */
const OPTIONS: readonly Partial<LionEncoderOptions>[] = [
  { variant: "s", direction: "alternate" },
  { variant: "gla", direction: "backward" },
  { variant: "gated-delta", direction: "forward" },
  { variant: "s", countSelf: "twice" },
  { variant: "gla", countSelf: "twice" },
  { variant: "s", featureMap: "relu" },
  { variant: "d", featureMap: "eluPlusOne", outputNorm: true },
  { variant: "s", featureMap: "identity", normalize: false },
  { variant: "s", diagonalDecay: "hippo" },
  { variant: "d", diagonalDecay: "hippo" },
  { variant: "softmax", position: "rotary" },
  { variant: "softmax", position: "rotary", rotaryScale: 3 },
  { variant: "softmax", position: "alibi" },
  { variant: "s", mlpRatio: 0 },
  { variant: "s", activation: "gelu-tanh" },
  { variant: "delta-product", steps: 3 },
  { mixer: OWN },
];

for (const options of OPTIONS) {
  const name = Object.entries(options)
    .map(([key, value]) =>
      `${key} ${typeof value === "object" ? "own" : value}`
    );
  test(`an encoder with ${name.join(", ")} is the same in ONNX`, async () => {
    const given = { inputDim: 3, maxLength: 16, output: "tokens" } as const;
    const made = lionEncoder({ ...SIZE, ...given, numClasses: 3, ...options });
    await assertSame(made, FORMS);
  });
}

test("BERT is the same in ONNX", async () => {
  for (const variant of ["s", "softmax"] as const) {
    await assertSame(lionBert({ ...TEXT, maxLength: 16, variant }));
  }
});

test("vision transformers are the same in ONNX", async () => {
  const image = { imageSize: 8, patchSize: 2, channels: 3, numClasses: 3 };
  for (
    const options of [
      { variant: "s", order: "snake" },
      { variant: "s", classToken: "read" },
      { variant: "softmax" },
      { variant: "hydra" },
    ] as const
  ) await assertSame(lionViT({ ...SIZE, ...image, ...options }));
});

test("a model of TensorFlow.js's layers is the same in ONNX", async () => {
  const x = input({ shape: [null, 6], name: "x" });
  const hidden = layers.dense({ units: 5, activation: "relu" }).apply(x);
  const normal = layers.layerNormalization().apply(hidden);
  const y = layers.dense({ units: 2, activation: "sigmoid" }).apply(normal);
  const made = model({ inputs: x, outputs: y as typeof x });
  const file = await interpreted(made);
  assertLess(await errorOf(made, file), TOLERANCE);
  made.dispose();
});

test("a layer's output is exported under a name", async () => {
  const made = lionEncoder({ ...TEXT, numClasses: 3, variant: "s" });
  const options = { layer: "norm", output: "last_hidden_state" };
  const file = await interpreted(made, options);
  const part = model({
    inputs: made.inputs,
    outputs: made.getLayer("norm").output as typeof made.outputs[0],
  });
  assertLess(await errorOf(part, file), TOLERANCE);
  assertEquals(file.model.graph!.output.map(({ name }) => name), [
    "last_hidden_state",
  ]);
  made.dispose();
});

test("strong decays and long chunks are the same in ONNX", async () => {
  const made = lionEncoder({ ...TEXT, numClasses: 3, variant: "s" });
  stir(made, 3);
  const file = await interpreted(made, { chunkSize: 64 });
  assertLess(await errorOf(made, file, [...SIZES, [1, 65]]), TOLERANCE);
  made.dispose();
});

/** Options of any encoder of tokens. */
const ANY = fc.record({
  variant: fc.constantFrom(...ATTENTION_VARIANTS),
  depth: fc.integer({ min: 1, max: 2 }),
  numHeads: fc.constantFrom(1, 2, 4),
  maxLength: fc.constantFrom(0, 16),
  output: fc.constantFrom("mean", "tokens"),
  mlpRatio: fc.constantFrom(0, 2),
  direction: fc.constantFrom("both", "forward", "backward", "alternate"),
});

test("an encoder of any options is the same in ONNX", async () => {
  const property = fc.asyncProperty(ANY, async (options) => {
    // Hydra reads both sides. Normalisations of heads of two columns enlarge rounding.
    const direction = options.variant === "hydra" ? "both" : options.direction;
    const given = { ...TEXT, ...options, numClasses: 2, direction } as const;
    await assertSame(lionEncoder(given), FORMS, 1e-4);
  });
  await fc.assert(property, { numRuns: 4 });
});
