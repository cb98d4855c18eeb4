/** Images of 224 pixels, as DeiT trains on them and the paper after it. @module */
import { HYDRA_PRESETS, lionViT, VIM_PRESETS, VIT_PRESETS } from "@lionjs/lion";
import {
  type BatchStream,
  evalTransform,
  imageBatches,
  type ImageDataset,
  trainTransform,
} from "@lionjs/lion/data";
import {
  crossEntropy,
  type Loss,
  type Schedule,
  softCrossEntropy,
} from "@lionjs/lion/training";
import type * as tf from "@tensorflow/tfjs-core";
import { MIXERS } from "../images.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Contender,
  type ContenderOptions,
  type OpenRecipe,
  type Recipe,
  type Trial,
  type TrialChoice,
  validated,
} from "../recipe.ts";
import { inTurns } from "../streams.ts";
import {
  firstExamples,
  type PaperRecipe,
  paperRecipe,
  partOfBatch,
  remarksOn,
} from "./paper_recipe.ts";

/** The sizes of the paper's models. */
export type VisionSize = keyof typeof VIT_PRESETS;

/** What DeiT's recipe is made of. */
export const DEIT = {
  ...{ imageSize: 224, patchSize: 16, dropPath: 0.1 },
  ...{ epochs: 300, batchSize: 1024, weightDecay: 0.05, average: 0.99996 },
  /** Graphics processors whose batches make one. */
  ranks: 4,
  repeats: 3,
  /** Of a batch of 512. */
  rate: 5e-4,
  ...{ warmUpEpochs: 5, firstRate: 1e-6, lastRate: 1e-5 },
} as const;

/** Its random changes, but for the size. */
const CHANGES = { randAugment: "rand-m9-mstd0.5-inc1", erase: 0.25 };

/** How it mixes pictures, and smooths labels. */
const MIX = { mixup: 0.8, cutmix: 1, switch: 0.5, smoothing: 0.1 };

/** Images that models see at once, where they are not trained on. */
const HELD = 64;

/** Looks at test images in a training: one for each tenth epoch. */
const VALIDATIONS = 30;

/** To see that everything runs. */
const TINY = {
  ...{ imageSize: 32, part: 2, ranks: 2, tested: 4 },
  sizes: { dim: 16, depth: 2, numHeads: 2 },
};

const NOTES: readonly string[] = [
  "One rate and one seed, as published, so that nothing is chosen on held-back images: " +
  "curves and the table are of the test images.",
  "A batch of 1,024 is that of the authors' four processors, 256 each, with images " +
  "three times in a row dealt to them in turn, however many processes train here; " +
  "pictures are mixed within each 256. `--accumulate` sets the number of parts.",
  "As in DeiT's code, the rate of an epoch is that of the schedule for the one before, " +
  "and its ten epochs of cooling down are not reached. Colours are not jittered, since " +
  "timm does not where it has RandAugment.",
  "DeiT's code keeps a moving average of the weights, 0.99996, and tests the weights " +
  "themselves; here the average is tested.",
];

/** A contender of this recipe: DeiT and Vim read their class token. */
function readingToken({ name, options }: Contender): Contender {
  const reads = options.variant === "softmax" || options.variant === "vim";
  return {
    name,
    options: reads ? { ...options, classToken: "read" } : options,
  };
}

/** Images to train on, and to test on. */
export interface VisionImages {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/** Images as they are published. */
export interface VisionRecipe
  extends Pick<Recipe, "title" | "about" | "notes"> {
  readonly files: NonNullable<Recipe["files"]>;
  /** The default first. */
  readonly sizes: readonly VisionSize[];
  /** Images to train on. */
  readonly images: number;
  readonly classes: number;
  /** What the paper reached with models of a size, by contender. */
  readonly published: Partial<
    Record<VisionSize, NonNullable<Recipe["published"]>>
  >;
  load(folder: string): Promise<VisionImages>;
}

/** The recipe of some images. */
export function visionRecipe(
  { sizes, images, classes, published, load, notes = [], ...own }: VisionRecipe,
): PaperRecipe {
  return {
    sizes,
    of({ size: named, batchSize = DEIT.batchSize, accumulate = DEIT.ranks }) {
      const size = sizes.find((size) => size === named) ?? sizes[0]!;
      const part = partOfBatch(batchSize, accumulate);
      if (part % 2 !== 0) {
        throw new RangeError(
          `--batch-size should leave an even number of images for each of ${accumulate} parts, whose pictures are mixed in pairs, got ${batchSize}`,
        );
      }
      return paperRecipe({
        ...own,
        title: `${own.title}, ${size}`,
        notes: [...NOTES, ...notes],
        contenders: MIXERS
          .filter(({ options }) => presetOf(options, size) !== undefined)
          .map(readingToken),
        reference: "softmax",
        measure: BY_ACCURACY,
        published: published[size] ?? {},
        plan: {
          steps: stepsOf(images, batchSize),
          rate: DEIT.rate * batchSize / 512,
          validations: VALIDATIONS,
        },
        async open(setting, { data }) {
          const found = await load(data);
          const isSmoke = setting === "smoke";
          return {
            ...openVision(found, {
              ...{ size, isSmoke },
              part: isSmoke ? TINY.part : part,
              ranks: isSmoke ? TINY.ranks : accumulate,
            }),
            remarks: isSmoke ? [] : remarksOn([
              ["images to train on", found.train.size, images],
              ["classes", found.train.classes.length, classes],
            ]),
          };
        },
      });
    },
  };
}

/** Steps of all epochs, of each of which a rest is left out. */
function stepsOf(images: number, batchSize: number): number {
  // As DeiT's sampler, which rounds to a multiple of 256.
  return DEIT.epochs * Math.floor((images - images % 256) / batchSize);
}

/** The columns, blocks and heads of a contender; none where there is no such model. */
function presetOf({ variant }: ContenderOptions, size: VisionSize) {
  if (variant === "vim") return VIM_PRESETS[size];
  if (variant !== "hydra") return VIT_PRESETS[size];
  return size === "tiny" ? undefined : HYDRA_PRESETS[size];
}

/** How it is trained, by setting. */
interface VisionTraining {
  readonly size: VisionSize;
  readonly isSmoke: boolean;
  /** Images of each part of a batch. */
  readonly part: number;
  /** Parts of a batch. */
  readonly ranks: number;
}

function openVision(
  { train, test }: VisionImages,
  { size, isSmoke, part, ranks }: VisionTraining,
): OpenRecipe {
  const { imageSize } = isSmoke ? TINY : DEIT;
  const numClasses = train.classes.length;
  const tested = isSmoke ? firstImages(test, TINY.tested) : test;
  const held = () =>
    imageBatches(tested, {
      batchSize: Math.min(HELD, tested.size),
      transform: evalTransform({ size: imageSize }),
      order: "in-order",
    }).from(0);
  return {
    floor: { guess: "any class", loss: Math.log(numClasses) },
    baselines: () => ({ "any class": { accuracy: 1 / numClasses } }),
    trial({ contender: { options }, seed, steps, rate }) {
      const model = lionViT({
        ...presetOf(options, size)!,
        ...isSmoke ? TINY.sizes : {},
        ...{ imageSize, patchSize: DEIT.patchSize, dropPath: DEIT.dropPath },
        ...{ numClasses, ...options, seed },
      });
      return {
        model,
        data: inTurns(partsOf(train, { imageSize, part, ranks, seed })),
        options: visionOptions({ steps, rate, accumulate: ranks }),
        validation: validated(held),
        validationBatches: Math.ceil(tested.size / HELD),
        test: async () => ({ accuracy: await accuracyOf(model, held()) }),
      };
    },
  };
}

/** Images from the first on. */
function firstImages(images: ImageDataset, count: number): ImageDataset {
  return {
    ...firstExamples(images, count),
    classes: images.classes,
    labels: images.labels.subarray(0, count),
  };
}

/** Batches of each part, as each processor of the authors' has them. */
function partsOf(
  images: ImageDataset,
  { imageSize, part, ranks, seed }: {
    readonly imageSize: number;
    readonly part: number;
    readonly ranks: number;
    readonly seed: number;
  },
): BatchStream[] {
  const transform = trainTransform({ size: imageSize, ...CHANGES });
  return Array.from({ length: ranks }, (_, rank) =>
    imageBatches(images, {
      ...{ batchSize: part, seed, transform, mix: MIX },
      ...{ repeats: DEIT.repeats, rank, ranks },
      // Rows of Parquet files that lie together are read together.
      order: "locality" in images ? "blocks" : "shuffled",
    }));
}

/** AdamW as DeiT has it, for batches in so many parts. */
export function visionOptions(
  { steps, rate, accumulate }: Pick<TrialChoice, "steps" | "rate"> & {
    readonly accumulate: number;
  },
): Trial["options"] {
  return {
    loss: ofAnyLabels(),
    optimizer: {
      learningRate: visionSchedule({ steps, rate }),
      weightDecay: DEIT.weightDecay,
      clipNorm: Infinity,
      accumulate,
    },
    ema: { decay: DEIT.average },
  };
}

/**
 * The rate of a step, from 1: that of timm's cosine, which has one for each epoch, for
 * the epoch before.
 */
export function visionSchedule(
  { steps, rate }: Pick<TrialChoice, "steps" | "rate">,
): Schedule {
  const { epochs, warmUpEpochs, firstRate, lastRate } = DEIT;
  return (step) => {
    const epoch = Math.max(0, Math.floor(epochs * (step - 1) / steps) - 1);
    if (epoch < warmUpEpochs) {
      return firstRate + (rate - firstRate) * epoch / warmUpEpochs;
    }
    const cosine = (1 + Math.cos(Math.PI * epoch / epochs)) / 2;
    return lastRate + (rate - lastRate) * cosine;
  };
}

/** The cross-entropy of probabilities, which mixing makes, and of classes, which tests have. */
function ofAnyLabels(): Loss {
  const soft = softCrossEntropy(), hard = crossEntropy();
  const of = ({ rank }: tf.Tensor) => rank === 2 ? soft : hard;
  const loss = (predictions: tf.Tensor, labels: tf.Tensor) =>
    of(labels)(predictions, labels);
  return Object.assign(loss, {
    count: (labels: tf.Tensor) => of(labels).count!(labels),
    description: `${soft.description}, or ${hard.description}`,
    wrongLabels: (labels: tf.Tensor, shape: readonly (number | null)[]) =>
      of(labels).wrongLabels!(labels, shape),
  });
}
