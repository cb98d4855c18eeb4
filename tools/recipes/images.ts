/**
 * Images of 196 tokens: the variants beside rivals, LION's parts one by one, and
 * students of a teacher.
 *
 * @module
 */
import { lionViT, VIT_PRESETS } from "@lionjs/lion";
import {
  batchesInOrder,
  type PixelScale,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  collateDigits,
  type Digits,
  loadFashionMnist,
  loadMnist,
} from "@lionjs/lion/datasets";
import { messageOf } from "@lionjs/base";
import {
  DECAYS,
  DIRECTIONS,
  distillationBy,
  IMAGENET,
  LION_S_SNAKE,
  MIXERS,
  PARTS,
  taughtLabels,
} from "./image_comparisons.ts";
import { keepWeights, loadKeptWeights } from "./kept_weights.ts";
import { decaysIn } from "./learned_decays.ts";
import { CannotBegin } from "./needed_files.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Comparison,
  type ContenderOptions,
  imageTrainingOptions,
  type OpenRecipe,
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

/** Clothes, from a package of the system's, which a person may have to install. */
export const FASHION: ImageSource = {
  name: "Fashion-MNIST",
  scale: { mean: 0.286, deviation: 0.353 },
  load: () =>
    loadFashionMnist().catch((cause) => {
      throw new CannotBegin(messageOf(cause), { cause });
    }),
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
  ...{ steps: 350, seeds: 3, validations: 8 },
  rates: [2e-3, 4e-3, 8e-3],
};

const PAPER_PLAN: TrainingPlan = {
  ...{ steps: 20_000, rates: [5e-4, 1e-3, 2e-3], seeds: 10 },
};

/** MNIST as 196 tokens. */
export const mnistImages: Recipe = {
  ...imageRecipe(MNIST, {
    title: "MNIST, 196 tokens",
    about: "Snake orders wind through the rows and columns of patches, and " +
      "read every other line backwards.",
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
  about: "Snake orders wind through the rows and columns of patches, and " +
    "read every other line backwards.",
  contenders: MIXERS,
  reference: "softmax",
  published: IMAGENET,
});

/** The paper's Table 13. */
export const decayAblation: Recipe = imageRecipe(FASHION, DECAYS);

/** The paper's Table 14. */
export const partAblation: Recipe = imageRecipe(FASHION, PARTS);

/**
 * The paper's Table 16, the sum that counts the diagonal twice, and models without
 * positions, which have only their decays to tell left from right.
 */
export const directionAblation: Recipe = {
  ...imageRecipe(FASHION, {
    ...DIRECTIONS,
    contenders: [
      ...DIRECTIONS.contenders,
      ...DIRECTIONS.contenders
        .filter(({ name }) => ["both", "alternating"].includes(name))
        .map(({ name, options }) => ({
          name: `${name}, no positions`,
          options: { ...options, positionEmbedding: false },
        })),
    ],
  }),
  expected:
    "(Before the runs of 20 seeds:) Positions are learned, and an image has no " +
    "beginning, so `both` is ahead of `forward` and `backward`, but by less than " +
    "half of what the paper has, and level with `alternating`. Without positions " +
    "`alternating` is ahead of `both`, as in texts. Counting the diagonal twice " +
    "costs less than a point.",
  // Runs differ by 1.7 points: of so many seeds, means are good to 0.8.
  plan: { quick: { ...QUICK_PLAN, seeds: 20 }, paper: PAPER_PLAN },
};

/** Steps that take models of the quick setting to their plateau. */
const LONG = 6000;

/** The model that teaches, where it was trained. */
const TEACHER = {
  recipe: "images-fashion-longer",
  contender: "lion-s-snake",
  seed: 1,
};

/** What the teacher of `distillation` and others reach, when they have the time. */
export const fashionImagesLonger: Recipe = {
  ...imageRecipe(FASHION, {
    title: `Fashion-MNIST, 196 tokens, ${LONG.toLocaleString("en")} steps`,
    about:
      "Contenders of the previous table train longer, Hydra and Vim with " +
      "half the blocks, so that they have about as many weights as the others. " +
      `${TEACHER.contender}, trained with seed ${TEACHER.seed}, is the teacher ` +
      "in the next table.",
    contenders: [
      ...MIXERS.filter(({ name }) =>
        ["softmax", "lion-s", TEACHER.contender].includes(name)
      ),
      ...MIXERS.filter(({ name }) => ["hydra", "vim"].includes(name))
        .map(({ name, options }) => ({
          name: `${name}-half`,
          options: { ...options, depth: QUICK.sizes.depth / 2 },
          paper: { ...options, depth: VIT_PRESETS.tiny.depth / 2 },
        })),
    ],
    reference: "softmax",
    published: IMAGENET,
  }),
  plan: {
    quick: { ...QUICK_PLAN, steps: LONG, seeds: 5 },
    paper: { ...PAPER_PLAN, steps: 60_000 },
  },
};

/** The paper's Table 15. */
export const distillation: Recipe = imageRecipe(
  FASHION,
  distillationBy("a LION-S on snake orders after many more steps"),
);

function imageRecipe(
  source: ImageSource,
  { about, ...own }: Comparison,
): Recipe {
  return {
    ...own,
    about:
      `The models read images of ${source.name} in patches of 2 × 2 pixels, and ` +
      "classify them by the mean of all tokens. Training images are slightly " +
      "shifted, turned and scaled, and label smoothing is 0.1. Rates are chosen " +
      "on held-back training images; accuracy is measured on the 10,000 test " +
      `images, in the quick setting on the first 2,000. ${about}`,
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
    floor: { guess: "chance", loss: Math.log(10) },
    baselines: () => ({ "any class": { accuracy: 1 / 10 } }),
    trial({ contender, seed, steps, rate, folderOf }) {
      const model = modelOf(contender.options, seed);
      const labels = taughtLabels(contender);
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
        decays: () => decaysIn(model, inOrder(validation)),
        keep: (folder) => keepWeights(model, folder),
        dispose: () => teacher?.dispose(),
      };
    },
  };
}
