/** Who is compared on images, and what the paper's models reached. @module */
import { IMAGENET_FIGURES } from "./image_net_figures.ts";
import type {
  Comparison,
  Contender,
  ContenderOptions,
  Published,
} from "./recipe.ts";

/** Contenders by their names. */
function contenders(
  options: Readonly<Record<string, ContenderOptions>>,
): Contender[] {
  return Object.entries(options).map(([name, options]) => ({ name, options }));
}

/** The best of them in the paper. */
export const LION_S_SNAKE: ContenderOptions = { variant: "s", order: "snake" };

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

/** Accuracy of models of tiny size on CIFAR-100, the paper's Tables 13 to 16. */
const CIFAR_FIGURES = {
  ...{ softmax: 77.33, "lion-lit": 73.61, "lion-d": 75.66, "lion-s": 77.56 },
  "lion-s-snake": 80.07,
};

/** The variants beside rivals on CIFAR-100. */
export const CIFAR: Published = { "CIFAR-100, paper": CIFAR_FIGURES };

/** The paper's Table 13. */
export const DECAYS: Comparison = {
  title: "Kinds of decay",
  about:
    "The models have no decay, one that each head learns, or one that each " +
    "token chooses, and the last two also with a decay for each channel of " +
    "the keys. This is the paper's Table 13.",
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
      fixed: CIFAR_FIGURES["lion-d"],
      selective: CIFAR_FIGURES["lion-s"],
      "selective, of channels": 67.55,
    },
  },
};

/** The paper's Table 14. */
export const PARTS: Comparison = {
  title: "Positions, feature map and mask",
  about:
    "Softmax and linear attention are compared with and without position " +
    "embeddings. Linear attention is also tried without a feature map, and " +
    "then not divided by its row sums, and with LION-S's mask in place of " +
    "positions. This is the paper's Table 14.",
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
      "softmax, positions": CIFAR_FIGURES.softmax,
      softmax: 73.15,
      "linear, feature map, positions": CIFAR_FIGURES["lion-lit"],
      "linear, positions": 68.54,
      "linear, feature map": 65.28,
      "linear, feature map, mask": CIFAR_FIGURES["lion-s"],
    },
  },
};

/** The paper's Table 16, and the sum that counts the diagonal twice. */
export const DIRECTIONS: Comparison = {
  title: "Directions",
  about: "LION-S attends to the tokens before, to those after, to either in " +
    "alternate layers, or to both. `both, diagonal twice` adds up two causal " +
    "models, which counts the diagonal, each token's own term, twice. The " +
    "same is repeated on snake orders. This is the paper's Table 16.",
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
      both: CIFAR_FIGURES["lion-s"],
      "snake, forward": 70.24,
      "snake, backward": 70.42,
      "snake, both": CIFAR_FIGURES["lion-s-snake"],
    },
  },
};

/** What a teacher gives, by the end of a contender's name. */
const TAUGHT = { hard: ", hard labels", soft: ", soft labels" } as const;

/** The labels that a teacher gives a contender; none where it has no teacher. */
export function taughtLabels(
  { name }: Pick<Contender, "name">,
): keyof typeof TAUGHT | undefined {
  return (["hard", "soft"] as const).find((labels) =>
    name.endsWith(TAUGHT[labels])
  );
}

/** The paper's Table 15, with another teacher than its own. */
export function distillationBy(teacher: string): Comparison {
  return {
    title: "Distillation",
    about:
      "Some models learn from the true labels alone. Others also learn from a " +
      `teacher, ${teacher}: from the class that it finds likeliest (hard ` +
      "labels, half of the loss), or from its probabilities (soft labels at " +
      "temperature 3, a tenth of the loss). In the paper's Table 15 the teacher " +
      "is a convolutional network.",
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
  };
}
