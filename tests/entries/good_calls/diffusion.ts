/** Right calls of `@lionjs/lion/diffusion`. @module */
import * as tf from "@tensorflow/tfjs-core";
import * as diffusion from "../../../lib/diffusion/mod.ts";
import { type GoodCalls, plain, random, TOKENS } from "./good_call.ts";

const model = () => (ids: tf.Tensor2D) =>
  tf.zeros<tf.Rank.R3>([...ids.shape, 5]);

export const DIFFUSION: GoodCalls = {
  collateDiffusion: plain(
    (options, examples) =>
      diffusion.collateDiffusion(options)(examples, random),
    () => ({
      options: { maskToken: 4, length: 3, lowDiscrepancy: true },
      examples: [{ ids: [1, 2, 3], given: [true, false, false] }],
    }),
    { words: { examples: TOKENS } },
  ),
  diffusionBound: plain(
    diffusion.diffusionBound,
    () => ({
      model: model(),
      ids: [[1, 2, 3]],
      options: {
        ...{ maskToken: 4, given: [[true, false, false]], samples: 2 },
        ...{ exact: false, seed: 1 },
      },
    }),
    { words: { ids: TOKENS } },
  ),
  diffusionLoss: plain(
    (options, predictions, labels) =>
      diffusion.diffusionLoss(options)(predictions, labels),
    () => ({
      options: { weighting: "bound" },
      predictions: tf.zeros([1, 2, 3]),
      labels: tf.tensor2d([[0, 1]], [1, 2], "int32"),
    }),
  ),
  unmask: plain(
    diffusion.unmask,
    () => ({
      model: model(),
      ids: [[1, 4, 4]],
      options: {
        ...{ maskToken: 4, order: "margin", tokensPerStep: 1 },
        ...{ threshold: 0.9, temperature: 1, topK: 3, topP: 0.9, seed: 1 },
        ...{ blockLength: 2, remask: 0.1, allowed: () => [1, 2] },
        ...{ onStep: () => {}, signal: new AbortController().signal },
      },
    }),
    // A seed may be a text.
    { takes: ["seed"], words: { ids: TOKENS } },
  ),
};
