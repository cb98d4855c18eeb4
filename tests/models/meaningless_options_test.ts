/**
 * Every option of a model changes what it computes, or is refused: an option
 * that another one makes meaningless is a mistake of whoever wrote it.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { ATTENTION_VARIANTS } from "../../lib/layers/mod.ts";
import { lionBert, lionEncoder, lionGpt, lionViT } from "../../mod.ts";
import { fillZeros } from "../layers/zero_weights.ts";
import { onCpu } from "../io/files.ts";

type Options = Record<string, unknown>;

const SIZES = { dim: 8, depth: 2, numHeads: 2, seed: 1 };
const TEXT = { ...SIZES, vocabularySize: 9, maxLength: 8, mlpRatio: 2 };

/** Values of options that are not the default. */
const OF_ATTENTION: Options = {
  featureMap: "sigmoid",
  normalize: false,
  outputNorm: true,
  order: [[3, 1, 0, 2]],
  direction: "forward",
  countSelf: "twice",
  position: "alibi",
  diagonalDecay: "random",
  numHeads: 4,
  mlpRatio: 1,
  epsilon: 0.5,
  activation: "gelu-tanh",
  convSize: 2,
  steps: 3,
  negativeEigenvalues: true,
  ranks: [1, 2, 3, 4],
  queryKeyNorm: true,
  outputGate: true,
  decayRates: "softplus",
  blockLength: 2,
};

const tokens = () => tf.tensor2d([[1, 2, 3, 4]], [1, 4], "int32");
const mask = () => tf.ones([1, 4]);
const types = () => tf.zeros([1, 4], "int32");

/** A way to make a model, and values of its options. */
interface Case {
  readonly make: (options: never) => LayersModel;
  readonly given: Options;
  readonly inputs: () => tf.Tensor[];
  readonly options: Options;
  /** Those that the documentation says change nothing here. */
  readonly ignored?: readonly string[];
}

const CASES: Record<string, Case> = {
  "lionBert, a language model": {
    make: lionBert,
    given: { ...TEXT, variant: "s" },
    inputs: () => [tokens(), mask(), types()],
    options: {
      ...{ ...OF_ATTENTION, order: undefined },
      ...{ numClasses: 3, pooling: "mean", maxSegments: 2, embeddingStd: 3 },
      ...{ vocabularySize: 10, norm: "pre", normalize: true },
    },
  },
  "lionBert, a classifier": {
    make: lionBert,
    given: { ...TEXT, variant: "s", head: "classification" },
    inputs: () => [tokens(), mask(), types()],
    options: {
      ...{ numClasses: 3, pooling: "mean", maxSegments: 2, embeddingStd: 3 },
    },
  },
  "lionGpt": {
    make: lionGpt,
    given: { ...TEXT, variant: "s" },
    inputs: () => [tokens()],
    options: { embeddingStd: 3, epsilon: 0.5, mlpRatio: 1 },
  },
  "lionEncoder of tokens": {
    make: lionEncoder,
    given: { ...TEXT, variant: "s", numClasses: 2 },
    inputs: () => [tokens(), mask()],
    options: {
      ...{ embeddingStd: 3, output: "tokens", numClasses: 3, maxSegments: 2 },
      repeats: 2,
    },
  },
  "lionEncoder of numbers without positions": {
    make: lionEncoder,
    given: { ...SIZES, inputDim: 2, variant: "s", numClasses: 2 },
    inputs: () => [tf.ones([1, 4, 2]), mask()],
    options: { embeddingStd: 3, maxLength: 8 },
  },
  "lionViT": {
    make: lionViT,
    given: {
      ...{ ...SIZES, variant: "s", numClasses: 2 },
      ...{ imageSize: 4, patchSize: 2, channels: 1 },
    },
    inputs: () => [tf.reshape(tf.range(0, 1, 1 / 16), [1, 4, 4, 1])],
    options: {
      ...{ embeddingStd: 3, positionEmbedding: false, classToken: "none" },
      ...{ order: "snake" },
    },
  },
  "lionViT of patches alone": {
    make: lionViT,
    given: {
      ...{ ...SIZES, variant: "s", numClasses: 2 },
      ...{ imageSize: 4, patchSize: 2, channels: 1 },
      ...{ positionEmbedding: false, classToken: "none" },
    },
    inputs: () => [tf.reshape(tf.range(0, 1, 1 / 16), [1, 4, 4, 1])],
    options: { embeddingStd: 3 },
  },
};
for (const variant of ATTENTION_VARIANTS) {
  CASES[`a block of variant ${variant}`] = {
    make: lionEncoder,
    given: { ...TEXT, variant, numClasses: 2 },
    inputs: () => [tokens(), mask()],
    options: OF_ATTENTION,
    // Without decay, order does not matter.
    ignored: variant === "lit" || variant === "softmax"
      ? ["order"]
      : variant === "vim"
      ? ["numHeads"]
      : [],
  };
}

/** What a model computes, as text. */
async function resultOf(
  { make, inputs }: Case,
  options: Options,
): Promise<string> {
  const model = make(options as never);
  fillZeros(model.layers);
  const y = tf.tidy(() => {
    const given = inputs();
    return model.predict(given.length === 1 ? given[0]! : given) as tf.Tensor;
  });
  const text = `${y.shape}: ${await y.data()}`;
  y.dispose();
  model.dispose();
  return text;
}

for (const [name, one] of Object.entries(CASES)) {
  onCpu(`${name}: each option changes it or is refused`, async () => {
    const plain = await resultOf(one, one.given);
    for (const [option, value] of Object.entries(one.options)) {
      if (value === undefined || one.ignored?.includes(option)) continue;
      const changed = await resultOf(one, { ...one.given, [option]: value })
        .catch((error) => {
          assert(error instanceof RangeError, `${option}: ${error}`);
          assert(error.message.includes(option), `${option}: ${error}`);
        });
      assert(
        changed !== plain,
        `${option}: ${JSON.stringify(value)} changes nothing`,
      );
    }
  });
}
