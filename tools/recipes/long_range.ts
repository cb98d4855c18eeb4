/** Who takes part where sequences are long, and pixels that are read one by one. @module */
import { type Mixer, registerMixer } from "@lionjs/lion";
import type { Examples } from "@lionjs/lion/data";
import { ARENA_FIGURES } from "./arena_figures.ts";
import { FASHION, type ImageSource, MNIST } from "./images.ts";
import {
  BY_ACCURACY,
  type Comparison,
  type Contender,
  type OpenRecipe,
  type Part,
  type Recipe,
  type Setting,
  trainingOptions,
} from "./recipe.ts";
import { scaleBeforeMask } from "./scale_before_mask.ts";
import {
  openSequences,
  type PixelImages,
  pixelSequences,
} from "./sequences.ts";
import { pathfinder } from "./tasks/pathfinder.ts";

/**
 * LION with a decay of each head, and of each channel, which begins at random or
 * with HiPPO's, as in the paper's best; all have learned positions.
 */
export const LONG_RANGE: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax", position: "rotary" } },
  { name: "hydra", options: { variant: "hydra" } },
  { name: "lion-lit", options: { variant: "lit" } },
  ...(["d", "s"] as const).flatMap((variant) => [
    { name: `lion-${variant}`, options: { variant } },
    ...(["random", "hippo"] as const).map((diagonalDecay) => ({
      name: `lion-${variant}-${diagonalDecay}`,
      options: { variant, diagonalDecay },
    })),
  ]),
];

/** Heads of small models, and of models of the published size. */
export const LONG_RANGE_HEADS = { quick: 4, paper: 8 };

const QUICK_SIZES = {
  ...{ dim: 32, depth: 2, numHeads: LONG_RANGE_HEADS.quick, mlpRatio: 2 },
  batchSize: 16,
};

const SIZES = {
  smoke: { ...QUICK_SIZES, batchSize: 2 },
  quick: QUICK_SIZES,
  paper: {
    ...{ dim: 256, depth: 6, numHeads: LONG_RANGE_HEADS.paper, mlpRatio: 2 },
    batchSize: 64,
  },
};

/** Learning rates with which small models begin to learn from pixels. */
const RATES = [4e-3, 8e-3, 1.6e-2];

/** An epoch of all contenders would take hours on two cores. */
const QUICK = { rates: RATES, seeds: 3 };

const PAPER = { steps: 40_000, rates: [1e-3, 3e-3, 1e-2] };

/** Looking at more images would take as long as training. */
const VALIDATION = { smoke: 8, quick: 500, paper: 5000 };

/** Images of which a table tells the accuracy. */
const TEST = { smoke: 16, quick: 2000, paper: 10_000 };

/** MNIST, pixel by pixel. */
export const pixelMnist: Recipe = pixelRecipe({
  title: "MNIST, pixel by pixel",
  about:
    "Models read digits as sequences of 784 numbers, row by row. Accuracy " +
    "is measured on the 10,000 test images, in the quick setting on the " +
    "first 2,000. ",
  plan: { quick: { ...QUICK, steps: 600 }, paper: PAPER },
  published: ARENA_FIGURES.image,
  open: (setting) => imageTask(MNIST, setting),
});

/** What the best of them reaches, when it has the time. */
export const pixelMnistLonger: Recipe = {
  ...pixelMnist,
  title: "MNIST, pixel by pixel, 7,500 steps",
  about: "This continues the previous table: one contender trains for more " +
    "steps, and is tested on all 10,000 test images.",
  leftOut: "it trains one contender of pixel-mnist for twenty minutes more",
  contenders: LONG_RANGE.filter(({ name }) => name === "lion-s-hippo"),
  reference: "lion-s-hippo",
  plan: {
    quick: { ...QUICK, steps: 7500 },
    paper: PAPER,
  },
  async open(setting) {
    const tested = setting === "smoke" ? TEST.smoke : TEST.paper;
    return openPixels(await imageTask(MNIST, setting, tested), setting);
  },
};

/** The mixer by a name, under which checkpoints know it. */
function scaledBeforeMask(numHeads: number): Mixer {
  const mixer = scaleBeforeMask(numHeads);
  registerMixer(`scaled before the mask, ${numHeads} heads`, mixer);
  return mixer;
}

/** The paper's Table 6. Its softplus gate, e^-softplus, is a sigmoid, which ours are. */
export const LONG_RANGE_PARTS: Comparison = {
  title: "Parts of LION-S on long sequences",
  about:
    "The first row is LION-S with all of its parts. In each of the others " +
    "one part is missing or replaced: it is not selective (LION-D); it " +
    "does not divide by the row sums; the same, with a sigmoid as feature " +
    "map; it divides scores by their sums before the mask; its feature map " +
    "is ReLU; its initial decays are random; or each head has one decay. " +
    "These are rows of the paper's Table 6.",
  contenders: [
    { name: "all", options: { variant: "s", diagonalDecay: "hippo" } },
    {
      name: "not selective",
      options: { variant: "d", diagonalDecay: "hippo" },
    },
    {
      name: "not scaled",
      options: { variant: "s", diagonalDecay: "hippo", normalize: false },
    },
    {
      name: "sigmoid, not scaled",
      options: {
        ...{ variant: "s", diagonalDecay: "hippo" },
        ...{ featureMap: "sigmoid", normalize: false },
      },
    },
    {
      name: "scaled before the mask",
      options: { mixer: scaledBeforeMask(LONG_RANGE_HEADS.quick) },
      paper: { mixer: scaledBeforeMask(LONG_RANGE_HEADS.paper) },
    },
    {
      name: "ReLU",
      options: { variant: "s", diagonalDecay: "hippo", featureMap: "relu" },
    },
    {
      name: "random decays",
      options: { variant: "s", diagonalDecay: "random" },
    },
    { name: "a decay a head", options: { variant: "s" } },
  ],
  reference: "all",
  published: {
    "LRA average, paper": {
      all: 86.07,
      "not selective": 84.64,
      "not scaled": 62.27,
      "sigmoid, not scaled": 85.41,
      "scaled before the mask": 82.49,
      ReLU: 54.42,
      "a decay a head": 57.17,
    },
  },
};

/** What is said of pixels in that table. */
const OF_PIXELS =
  "pixel by pixel, with a decay for each channel that starts with HiPPO's values.";

/** The paper's Table 6 on digits. */
export const longRangeAblation: Recipe = {
  ...pixelMnist,
  ...LONG_RANGE_PARTS,
  about: `The models read MNIST ${OF_PIXELS} ${LONG_RANGE_PARTS.about}`,
  plan: {
    quick: { ...QUICK, steps: 450, seeds: 5, validations: 8 },
    paper: PAPER,
  },
};

const FASHION_PLAN = { ...QUICK, steps: 450, seeds: 5 };

/** Fashion-MNIST, pixel by pixel. */
export const pixelFashion: Recipe = pixelRecipe({
  title: "Fashion-MNIST, pixel by pixel",
  about:
    "Models read pictures of clothes as sequences of 784 numbers, row by " +
    "row. Accuracy is measured on the 10,000 test images, in the quick " +
    "setting on the first 2,000. ",
  plan: { quick: FASHION_PLAN, paper: PAPER },
  published: ARENA_FIGURES.image,
  open: (setting) => imageTask(FASHION, setting),
});

/** The paper's Table 6 on another task. */
export const fashionAblation: Recipe = {
  ...longRangeAblation,
  title: "Parts of LION-S on Fashion-MNIST, pixel by pixel",
  about: `The models read Fashion-MNIST ${OF_PIXELS} ${LONG_RANGE_PARTS.about}`,
  leftOut: "it asks again what ablate-long-range asks",
  plan: { quick: { ...FASHION_PLAN, seeds: 3, validations: 8 }, paper: PAPER },
  open: pixelFashion.open,
};

/** How decays begin, with seeds enough to tell. */
export const pixelFashionDecays: Recipe = {
  ...pixelFashion,
  title: "Fashion-MNIST, pixel by pixel, ten seeds",
  about: "Three contenders of the previous table, with ten seeds instead of " +
    "five, since five could not tell HiPPO's decays from random ones. The " +
    "first five seeds are the same.",
  leftOut: "it only adds seeds to three contenders of pixel-fashion",
  contenders: LONG_RANGE.filter(({ name }) => name.startsWith("lion-s")),
  reference: "lion-s-hippo",
  plan: { ...pixelFashion.plan, quick: { ...FASHION_PLAN, seeds: 10 } },
};

/** Of its images; quick ones have short curves, and are made before training. */
const PATHFINDER = {
  smoke: { contourLength: 6, train: 100, validation: 8, test: 16 },
  quick: { contourLength: 6, train: 10_000, validation: 500, test: 2000 },
  paper: {
    ...{ contourLength: 14, train: 160_000, validation: 20_000, test: 20_000 },
  },
};

/** Pathfinder of Long Range Arena. */
export const pathfinding: Recipe = pixelRecipe({
  title: "Pathfinder",
  about: "Do two marked ends belong to one dashed curve? Images of 32 × 32 " +
    "pixels are read as 1,024 numbers; curves have 6 paddles in the " +
    "quick setting and 14 in the paper's (Long Range Arena). ",
  leftOut: "its models were still at chance after 200 and 336 steps, and the " +
    "half hour that its 800 steps take would not change that",
  plan: {
    quick: { ...QUICK, steps: 800 },
    paper: { steps: 62_500, rates: [1e-3, 2e-3, 4e-3] },
  },
  published: ARENA_FIGURES.pathfinder,
  open(setting) {
    const { contourLength, ...sizes } = PATHFINDER[setting];
    const imagesOf = (part: Part) => {
      const images = pathfinder({ size: sizes[part], contourLength, part });
      return setting === "paper" ? images : kept(images);
    };
    return Promise.resolve({
      ...{ length: 32 ** 2, numClasses: 2, mean: 0.1, deviation: 0.25 },
      images: {
        train: imagesOf("train"),
        validation: imagesOf("validation"),
        test: imagesOf("test"),
      },
    });
  },
});

/** Examples that are made when they are first asked for, and kept. */
export function kept<E>(examples: Examples<E>): Examples<E> {
  const made = new Map<number, E>();
  return {
    size: examples.size,
    get(index) {
      let example = made.get(index);
      if (!example) made.set(index, example = examples.get(index));
      return example;
    },
  };
}

async function imageTask(
  { load, scale }: ImageSource,
  setting: Setting,
  tested = TEST[setting],
): Promise<PixelImages> {
  const { train, test } = await load();
  const trained = train.size - VALIDATION.paper;
  return {
    ...{ length: 28 ** 2, numClasses: 10, ...scale },
    images: {
      train: train.slice(0, trained),
      validation: train.slice(trained, trained + VALIDATION[setting]),
      test: test.slice(0, tested),
    },
  };
}

function pixelRecipe(
  { about, open, ...own }:
    & Pick<Recipe, "title" | "about" | "plan" | "leftOut" | "published">
    & {
      readonly open: (setting: Setting) => Promise<PixelImages>;
    },
): Recipe {
  return {
    ...own,
    about: about +
      "Positions are learned, and softmax also has rotary ones. Contenders " +
      "named -random and -hippo have a decay for each channel, which starts " +
      "at random like that of a head, or with HiPPO's values.",
    contenders: LONG_RANGE,
    reference: "softmax",
    measure: BY_ACCURACY,
    open: async (setting) => openPixels(await open(setting), setting),
  };
}

function openPixels(images: PixelImages, setting: Setting): OpenRecipe {
  const { batchSize, ...sizes } = SIZES[setting];
  return openSequences(pixelSequences(images), {
    ...{ sizes, batchSize },
    options: (choice) => trainingOptions({ ...choice, weightDecay: 0.05 }),
  });
}
