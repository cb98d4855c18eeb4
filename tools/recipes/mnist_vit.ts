import { lionViT } from "@lionjs/lion";
import {
  batchesInOrder,
  collateDigits,
  loadMnist,
  shuffledBatches,
} from "@lionjs/lion/data";
import { accuracy, crossEntropy, evaluate } from "@lionjs/lion/training";
import { CONTENDERS, type Recipe } from "./recipe.ts";

const SETTINGS = {
  quick: {
    patchSize: 7,
    dim: 64,
    depth: 2,
    steps: 4000,
    batchSize: 48,
    learningRate: 5e-3,
    weightDecay: 0.01,
    dropPath: 0,
  },
  paper: {
    patchSize: 4,
    dim: 192,
    depth: 12,
    steps: 20_000,
    batchSize: 128,
    learningRate: 1e-3,
    weightDecay: 0.05,
    dropPath: 0.1,
  },
};

/** Vision: digits by a small ViT. */
export const mnistVit: Recipe = {
  title: "MNIST, vision transformer",
  about:
    "60,000 training images, moved, turned and scaled a little; accuracy " +
    "on the 10,000 test images. Mean of all tokens, position embeddings, " +
    "label smoothing 0.1. Snake orders wind through rows and columns.",
  contenders: [
    ...CONTENDERS,
    { name: "lion-d-snake", variant: "d", order: "snake" },
    { name: "lion-s-snake", variant: "s", order: "snake" },
  ],
  percent: ["accuracy"],
  published: {
    "ImageNet (ViT-B), paper": {
      "softmax": 77.9,
      "lion-lit": 74.7,
      "lion-d": 77.8,
      "lion-s": 76.3,
      "lion-d-snake": 80.2,
      "lion-s-snake": 79.9,
    },
    "× softmax, paper": {
      "softmax": 1,
      "lion-lit": 0.73,
      "lion-d": 1.39,
      "lion-s": 1.46,
      "lion-d-snake": 1.48,
      "lion-s-snake": 1.68,
    },
  },
  async open(setting) {
    const { steps, batchSize, learningRate, weightDecay, ...sizes } =
      SETTINGS[setting];
    const { train, test } = await loadMnist();
    return {
      baselines: {},
      trial({ contender: { variant, order = "raster" }, seed }) {
        const model = lionViT({
          ...sizes,
          imageSize: 28,
          channels: 1,
          numClasses: 10,
          numHeads: 4,
          mlpRatio: 2,
          variant,
          order,
          seed,
        });
        return {
          model,
          data: shuffledBatches(train, {
            batchSize,
            seed,
            collate: collateDigits({ augment: true }),
          }),
          options: {
            steps,
            loss: crossEntropy({ labelSmoothing: 0.1 }),
            optimizer: {
              learningRate,
              warmUpSteps: Math.ceil(steps / 20),
              beta2: 0.99,
              weightDecay,
            },
            ema: { decay: 0.99 },
          },
          test: () =>
            evaluate(
              model,
              batchesInOrder(test, {
                batchSize: 250,
                collate: collateDigits(),
              }),
              { loss: crossEntropy(), metrics: { accuracy: accuracy() } },
            ),
        };
      },
    };
  },
};
