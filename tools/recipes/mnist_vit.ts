import { lionViT } from "@lionjs/lion";
import {
  batchesInOrder,
  collateDigits,
  type Digits,
  loadMnist,
  shuffledBatches,
} from "@lionjs/lion/data";
import { crossEntropy } from "@lionjs/lion/training";
import {
  accuracyOf,
  BY_ACCURACY,
  CONTENDERS,
  type Recipe,
  validated,
} from "./recipe.ts";

const SETTINGS = {
  quick: {
    patchSize: 7,
    dim: 64,
    depth: 2,
    batchSize: 48,
    weightDecay: 0.01,
    dropPath: 0,
  },
  paper: {
    patchSize: 4,
    dim: 192,
    depth: 12,
    batchSize: 128,
    weightDecay: 0.05,
    dropPath: 0.1,
  },
};

/** Of the 60,000 images for training, so many are for choosing. */
const VALIDATION = 5000;

/** Vision: digits by a small ViT. */
export const mnistVit: Recipe = {
  title: "MNIST, vision transformer",
  about:
    "55,000 training images, moved, turned and scaled a little; rates are " +
    "chosen on 5,000 others; accuracy on the 10,000 test images. Mean of all " +
    "tokens, position embeddings, label smoothing 0.1. Snake orders wind " +
    "through rows and columns.",
  contenders: [
    ...CONTENDERS,
    { name: "lion-d-snake", options: { variant: "d", order: "snake" } },
    { name: "lion-s-snake", options: { variant: "s", order: "snake" } },
  ],
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 4000, rates: [2.5e-3, 5e-3, 1e-2] },
    paper: { steps: 20_000, rates: [5e-4, 1e-3, 2e-3] },
  },
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
    const { batchSize, weightDecay, ...sizes } = SETTINGS[setting];
    const { train: all, test } = await loadMnist();
    const train = all.slice(0, all.size - VALIDATION);
    const validation = all.slice(train.size);
    const held = (digits: Digits) =>
      batchesInOrder(digits, { batchSize: 250, collate: collateDigits() });
    return {
      floor: { guess: "any digit", loss: Math.log(10) },
      baselines: () => ({}),
      trial({ contender: { options }, seed, steps, rate }) {
        const model = lionViT({
          ...sizes,
          imageSize: 28,
          channels: 1,
          numClasses: 10,
          numHeads: 4,
          mlpRatio: 2,
          ...options,
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
            loss: crossEntropy({ labelSmoothing: 0.1 }),
            optimizer: {
              learningRate: rate,
              warmUpSteps: Math.ceil(steps / 20),
              beta2: 0.99,
              weightDecay,
            },
            ema: { decay: 0.99 },
          },
          validation: validated(() => held(validation)),
          test: async () => ({ accuracy: await accuracyOf(model, held(test)) }),
        };
      },
    };
  },
};
