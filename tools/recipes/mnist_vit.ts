import { lionViT } from "@lionjs/lion";
import { batchesInOrder, shuffledBatches } from "@lionjs/lion/data";
import { collateDigits, type Digits, loadMnist } from "@lionjs/lion/datasets";
import {
  accuracyOf,
  BY_ACCURACY,
  type Contender,
  imageTrainingOptions,
  type Recipe,
  validated,
} from "./recipe.ts";
import { IMAGENET } from "./image_comparisons.ts";

/** Images that are looked at; of the 60,000 for training, the last 3,000 are for choosing. */
const HELD = { validation: 3000, test: 10_000 };

const QUICK = {
  patchSize: 7,
  dim: 64,
  depth: 2,
  batchSize: 48,
  weightDecay: 0.01,
  dropPath: 0,
  held: HELD,
};

const SETTINGS = {
  smoke: { ...QUICK, batchSize: 4, held: { validation: 16, test: 32 } },
  quick: QUICK,
  paper: {
    patchSize: 4,
    dim: 192,
    depth: 12,
    batchSize: 128,
    weightDecay: 0.05,
    dropPath: 0.1,
    held: HELD,
  },
};

/** No vectors of places. */
const NONE = { positionEmbedding: false };

const CONTENDERS: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax" } },
  {
    name: "softmax-alibi",
    options: { variant: "softmax", position: "alibi", ...NONE },
  },
  { name: "lion-lit", options: { variant: "lit" } },
  { name: "lion-d-alone", options: { variant: "d", ...NONE } },
  { name: "lion-d", options: { variant: "d" } },
  { name: "lion-s", options: { variant: "s" } },
];

/** Vision: digits by a small ViT. */
export const mnistVit: Recipe = {
  title: "MNIST, vision transformer",
  about:
    "The models read an image as 16 patches, and classify it by the mean " +
    "of its tokens. They are trained on 57,000 images, slightly shifted, " +
    "turned and scaled, with a label smoothing of 0.1. Rates are chosen on " +
    "3,000 other images, and accuracy is measured on the 10,000 test " +
    "images. Softmax and LION-LIT have learned positions. Softmax with " +
    "ALiBi's slopes and LION-D with its decay alone know how far away a " +
    "patch is, but not on which side. LION-D and LION-S have both " +
    "positions and a decay.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 2000, rates: [2.5e-3, 5e-3, 1e-2] },
    paper: { steps: 20_000, rates: [5e-4, 1e-3, 2e-3] },
  },
  published: {
    ...IMAGENET,
    "× softmax, paper": {
      "softmax": 1,
      "lion-lit": 0.73,
      "lion-d": 1.39,
      "lion-s": 1.46,
    },
  },
  async open(setting) {
    const { batchSize, weightDecay, held, ...sizes } = SETTINGS[setting];
    const all = await loadMnist();
    const trained = all.train.size - HELD.validation;
    const train = all.train.slice(0, trained);
    const validation = all.train.slice(trained, trained + held.validation);
    const test = all.test.slice(0, held.test);
    const inOrder = (digits: Digits) =>
      batchesInOrder(digits, { batchSize: 250, collate: collateDigits() });
    return {
      floor: { guess: "chance", loss: Math.log(10) },
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
          options: imageTrainingOptions({ steps, rate, weightDecay }),
          validation: validated(() => inOrder(validation)),
          test: async () => ({
            accuracy: await accuracyOf(model, inOrder(test)),
          }),
        };
      },
    };
  },
};
