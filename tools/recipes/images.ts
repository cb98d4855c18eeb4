/**
 * Images of 196 tokens: the variants beside rivals, LION's parts one by one, and
 * students of a teacher.
 *
 * @module
 */
import { lionViT, VIT_PRESETS } from "@lionjs/lion";
import {
  batchesInOrder,
  collateDigits,
  type Digits,
  loadFashionMnist,
  loadMnist,
  type PixelScale,
  shuffledBatches,
} from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import { IMAGENET_FIGURES } from "./image_net_figures.ts";
import { keepWeights, loadKeptWeights } from "./kept_weights.ts";
import { decayQuantiles } from "./learned_decays.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Contender,
  type ContenderOptions,
  imageTrainingOptions,
  type OpenRecipe,
  type Published,
  type Recipe,
  type Setting,
  type TrainingPlan,
  validated,
} from "./recipe.ts";

/** Images of 28 × 28 pixels, in two parts. */
export interface ImageSource {
  readonly name: string;
  readonly scale: Required<PixelScale>;
  load(): Promise<{ train: Digits; test: Digits }>;
}

/** Digits. */
export const MNIST: ImageSource = {
  name: "MNIST",
  scale: { mean: 0.1307, deviation: 0.3081 },
  load: loadMnist,
};

/** Clothes. */
export const FASHION: ImageSource = {
  name: "Fashion-MNIST",
  scale: { mean: 0.286, deviation: 0.353 },
  load: loadFashionMnist,
};

const QUICK = {
  sizes: { dim: 48, depth: 2, numHeads: 4, dropPath: 0 },
  batchSize: 32,
  weightDecay: 0.01,
  held: { validation: 500, test: 2000 },
};

const SETTINGS = {
  smoke: { ...QUICK, batchSize: 4, held: { validation: 16, test: 32 } },
  quick: QUICK,
  paper: {
    sizes: { ...VIT_PRESETS.tiny, dropPath: 0.1 },
    batchSize: 128,
    weightDecay: 0.05,
    held: { validation: 5000, test: 10_000 },
  },
};

/** Kept from the 60,000 training images, whatever the setting looks at. */
const VALIDATION = 5000;

const QUICK_PLAN: TrainingPlan = {
  ...{ steps: 350, seeds: 3, searchShare: 0.15, validations: 8 },
  rates: [2e-3, 4e-3, 8e-3],
};

const PAPER_PLAN: TrainingPlan = {
  ...{ steps: 20_000, rates: [5e-4, 1e-3, 2e-3], seeds: 10 },
};

/** Contenders by their names. */
function contenders(
  options: Readonly<Record<string, ContenderOptions>>,
): Contender[] {
  return Object.entries(options).map(([name, options]) => ({ name, options }));
}

const LION_S_SNAKE: ContenderOptions = { variant: "s", order: "snake" };

/** Those of the paper's table of images. */
export const MIXERS: readonly Contender[] = contenders({
  softmax: { variant: "softmax" },
  hydra: { variant: "hydra" },
  vim: { variant: "vim" },
  "lion-lit": { variant: "lit" },
  "lion-d": { variant: "d" },
  "lion-s": { variant: "s" },
  "lion-d-snake": { variant: "d", order: "snake" },
  "lion-s-snake": LION_S_SNAKE,
});

/** Accuracy of models of base size; softmax is ViT, which has another recipe than DeiT. */
export const IMAGENET: Published = {
  "ImageNet (base), paper": { ...IMAGENET_FIGURES.base, softmax: 77.9 },
};

/** MNIST as 196 tokens. */
export const mnistImages: Recipe = {
  ...imageRecipe(MNIST, {
    title: "MNIST, 196 tokens",
    about: "Snake orders wind through rows and columns.",
    contenders: MIXERS,
    reference: "softmax",
    published: IMAGENET,
  }),
  // Digits take longer than clothes: after 350 steps, softmax had half of them wrong.
  plan: { quick: { ...QUICK_PLAN, steps: 600 }, paper: PAPER_PLAN },
};

/** Fashion-MNIST as 196 tokens. */
export const fashionImages: Recipe = imageRecipe(FASHION, {
  title: "Fashion-MNIST, 196 tokens",
  about: "Snake orders wind through rows and columns.",
  contenders: MIXERS,
  reference: "softmax",
  published: IMAGENET,
});

/** The paper's Table 13. */
export const decayAblation: Recipe = imageRecipe(FASHION, {
  title: "Kinds of decay",
  about: "No decay, one that is learned for each head, one that each token " +
    "chooses, and the last two for each channel of the keys: the " +
    "paper's Table 13.",
  contenders: contenders({
    "no decay": { variant: "lit", featureMap: "shiftedSilu" },
    fixed: { variant: "d" },
    "fixed, of channels": { variant: "d", diagonalDecay: "random" },
    selective: { variant: "s" },
    "selective, of channels": { variant: "s", diagonalDecay: "random" },
  }),
  reference: "selective",
  published: {
    "CIFAR-100, paper": {
      fixed: 75.66,
      selective: 77.56,
      "selective, of channels": 67.55,
    },
  },
});

/** The paper's Table 14. */
export const partAblation: Recipe = imageRecipe(FASHION, {
  title: "Positions, feature map and mask",
  about: "Softmax and linear attention with and without position embeddings; " +
    "linear attention without a feature map, which is then not divided " +
    "by its row sums; and linear attention with LION-S's mask in place " +
    "of positions: the paper's Table 14.",
  contenders: contenders({
    "softmax, positions": { variant: "softmax" },
    softmax: { variant: "softmax", positionEmbedding: false },
    "linear, feature map, positions": {
      ...{ variant: "lit", featureMap: "shiftedSilu" },
    },
    "linear, positions": {
      ...{ variant: "lit", featureMap: "identity", normalize: false },
    },
    "linear, feature map": {
      ...{
        variant: "lit",
        featureMap: "shiftedSilu",
        positionEmbedding: false,
      },
    },
    "linear, feature map, mask": { variant: "s", positionEmbedding: false },
  }),
  reference: "softmax, positions",
  published: {
    "CIFAR-100, paper": {
      "softmax, positions": 77.33,
      softmax: 73.15,
      "linear, feature map, positions": 73.61,
      "linear, positions": 68.54,
      "linear, feature map": 65.28,
      "linear, feature map, mask": 77.56,
    },
  },
});

/** The paper's Table 16, and the sum that counts the diagonal twice. */
export const directionAblation: Recipe = imageRecipe(FASHION, {
  title: "Directions",
  about: "LION-S that attends to the tokens before, to those after, to each " +
    "in turn, or to both; to both as a sum of two causal models, which " +
    "counts the diagonal, each token's own term, twice; and the same on " +
    "snake orders: the paper's Table 16.",
  contenders: contenders({
    forward: { variant: "s", direction: "forward" },
    backward: { variant: "s", direction: "backward" },
    alternating: { variant: "s", direction: "alternate" },
    both: { variant: "s" },
    "both, diagonal twice": { variant: "s", countSelf: "twice" },
    "snake, forward": { variant: "s", order: "snake", direction: "forward" },
    "snake, backward": { variant: "s", order: "snake", direction: "backward" },
    "snake, both": LION_S_SNAKE,
  }),
  reference: "both",
  published: {
    "CIFAR-100, paper": {
      forward: 71.08,
      backward: 69.61,
      alternating: 73.93,
      both: 77.56,
      "snake, forward": 70.24,
      "snake, backward": 70.42,
      "snake, both": 80.07,
    },
  },
});

/** The model that teaches, where it was trained. */
const TEACHER = {
  recipe: "images-fashion-longer",
  contender: "lion-s-snake",
  seed: 1,
};

/** What the teacher of `distillation` and others reach, when they have the time. */
export const fashionImagesLonger: Recipe = {
  ...imageRecipe(FASHION, {
    title: "Fashion-MNIST, 196 tokens, 2,100 steps",
    about: `Three of the table before. The first ${TEACHER.contender} ` +
      "teaches the models of the next one.",
    contenders: contenders({
      softmax: { variant: "softmax" },
      "lion-s": { variant: "s" },
      [TEACHER.contender]: LION_S_SNAKE,
    }),
    reference: "softmax",
    published: IMAGENET,
  }),
  plan: {
    quick: { ...QUICK_PLAN, steps: 2100, searchShare: 0.05 },
    paper: { ...PAPER_PLAN, steps: 60_000 },
  },
};

/** What a teacher gives, by the end of a contender's name. */
const TAUGHT = { hard: ", hard labels", soft: ", soft labels" } as const;

/** The paper's Table 15. */
export const distillation: Recipe = imageRecipe(FASHION, {
  title: "Distillation",
  about:
    "Models that learn from the true labels alone, and models that a teacher " +
    "helps, a LION-S on snake orders after six times as many steps: with the " +
    "class that it finds likeliest (hard labels, half of the loss), or with its " +
    "probabilities (soft labels at temperature 3, a tenth of the loss). In the " +
    "paper's Table 15 the teacher is a convolutional network.",
  contenders: contenders({
    softmax: { variant: "softmax" },
    [`softmax${TAUGHT.hard}`]: { variant: "softmax" },
    [`softmax${TAUGHT.soft}`]: { variant: "softmax" },
    "lion-s": { variant: "s" },
    [`lion-s${TAUGHT.hard}`]: { variant: "s" },
    [`lion-s${TAUGHT.soft}`]: { variant: "s" },
  }),
  reference: "lion-s",
  published: {
    "ImageNet (tiny), paper": {
      ...{ "lion-s": 67.95, "lion-s, hard labels": 70.44 },
    },
  },
});

function imageRecipe(
  source: ImageSource,
  { about, ...own }: Pick<
    Recipe,
    "title" | "about" | "contenders" | "reference" | "published"
  >,
): Recipe {
  return {
    ...own,
    about:
      `${source.name} in patches of 2 × 2 pixels, shifted, turned and scaled a ` +
      "little in training. Rates are chosen on held-back training images; " +
      "accuracy is that on the 10,000 test images, in the quick setting on the " +
      `first 2,000. Mean of all tokens, label smoothing 0.1. ${about}`,
    measure: BY_ACCURACY,
    plan: { quick: QUICK_PLAN, paper: PAPER_PLAN },
    open: (setting) => openImages(source, setting),
  };
}

async function openImages(
  { scale, load }: ImageSource,
  setting: Setting,
): Promise<OpenRecipe> {
  const { sizes, batchSize, weightDecay, held } = SETTINGS[setting];
  const all = await load();
  const trained = all.train.size - VALIDATION;
  const train = all.train.slice(0, trained);
  const validation = all.train.slice(trained, trained + held.validation);
  const test = all.test.slice(0, held.test);
  const inOrder = (images: Digits) =>
    batchesInOrder(images, { batchSize: 100, collate: collateDigits(scale) });
  const modelOf = (options: ContenderOptions, seed: number) =>
    lionViT({
      ...sizes,
      ...{ imageSize: 28, patchSize: 2, channels: 1, numClasses: 10 },
      ...{ mlpRatio: 2, ...options, seed },
    });
  return {
    floor: { guess: "any class", loss: Math.log(10) },
    baselines: () => ({ "any class": { accuracy: 1 / 10 } }),
    trial({ contender: { name, options }, seed, steps, rate, folderOf }) {
      const model = modelOf(options, seed);
      const labels = (["hard", "soft"] as const).find((labels) =>
        name.endsWith(TAUGHT[labels])
      );
      const teacher = labels && modelOf(LION_S_SNAKE, TEACHER.seed);
      return {
        model,
        begin: async () => {
          if (!teacher) return;
          const { recipe, contender, seed } = TEACHER;
          const from = folderOf(recipe, contender, seed);
          await loadKeptWeights(teacher, recipe, from);
        },
        data: shuffledBatches(train, {
          batchSize,
          seed,
          collate: collateDigits({ augment: true, ...scale }),
        }),
        options: {
          ...imageTrainingOptions({ steps, rate, weightDecay }),
          ...teacher ? { distillation: { teacher, labels } } : {},
        },
        validation: validated(() => inOrder(validation)),
        test: async () => ({
          accuracy: await accuracyOf(model, inOrder(test)),
        }),
        async decays() {
          for await (const batch of inOrder(validation)) {
            const { inputs, labels } = batch;
            const quantiles = await decayQuantiles(model, inputs);
            tf.dispose([...inputs, labels]);
            return quantiles;
          }
          return {};
        },
        keep: (folder) => keepWeights(model, folder),
        dispose: () => teacher?.dispose(),
      };
    },
  };
}
