/**
 * Where `useBackend()` was forgotten, whatever is called first says so. Nothing
 * here imports a backend, so this file's TensorFlow.js has none.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { collateTokens } from "../../lib/data/mod.ts";
import { retentionDecay } from "../../lib/family/mod.ts";
import { readSafetensors } from "../../lib/io/mod.ts";
import { positiveRandomFeatures } from "../../lib/operations/mod.ts";
import { train } from "../../lib/training/mod.ts";
import * as lion from "../../mod.ts";

const SIZES = { dim: 4, depth: 1, numHeads: 2, variant: "s" } as const;

/** The bytes of a safetensors file with one number. */
function oneNumber(): Uint8Array<ArrayBuffer> {
  const header = '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} ';
  const bytes = new Uint8Array(8 + header.length + 4);
  bytes[0] = header.length;
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
}

/** What a program may call first. */
const FIRST: Readonly<Record<string, () => unknown>> = {
  "tf.zeros": () => tf.zeros([2]),
  "tf.randomNormal": () => tf.randomNormal([1, 2, 3, 4]),
  "tf.tensor1d": () => lion.fixedDecay(tf.tensor1d([-1])),
  "tf.tidy": () => tf.tidy(() => tf.add(1, 2)),
  lionViT: () =>
    lion.lionViT({ ...SIZES, imageSize: 4, patchSize: 2, numClasses: 2 }),
  lionBert: () => lion.lionBert({ ...SIZES, vocabularySize: 9 }),
  lionGpt: () => lion.lionGpt({ ...SIZES, vocabularySize: 9 }),
  lionEncoder: () =>
    lion.lionEncoder({ ...SIZES, vocabularySize: 9, numClasses: 2 }),
  recurrentState: () =>
    lion.recurrentState({ batch: 1, heads: 1, headDim: 2, valueDim: 2 }),
  retentionDecay: () => retentionDecay(2),
  positiveRandomFeatures: () =>
    positiveRandomFeatures(tf.ones<tf.Rank.R2>([2, 2])),
  collateTokens: () =>
    collateTokens()([{ ids: [1, 2], label: 0 }], Math.random),
  readSafetensors: () => readSafetensors(oneNumber()),
  train: () =>
    train(
      lion.lionEncoder({ ...SIZES, inputDim: 2, numClasses: 2 }),
      { stepsPerEpoch: 1, async *from() {} },
      { steps: 1, loss: () => tf.scalar(0) },
    ),
};

for (const [name, call] of Object.entries(FIRST)) {
  Deno.test(`${name} without a backend names useBackend()`, async () => {
    let message = "no error";
    try {
      await call();
    } catch (error) {
      message = (error as Error).message;
    }
    assertEquals(
      message,
      "there is no backend to compute on: call `await useBackend()` of " +
        "@lionjs/lion before the first tensor or model is made",
    );
  });
}
