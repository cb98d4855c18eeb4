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
import { distillationBy, MIXERS, taughtLabels } from "../image_comparisons.ts";
import { decaysIn } from "../learned_decays.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Comparison,
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
  type PaperChoice,
  type PaperRecipe,
  paperRecipe,
  partOfBatch,
  remarksOn,
} from "./paper_recipe.ts";
import { visionTeacher } from "./vision_teacher.ts";

/** The sizes of the paper's models. */
export type VisionSize = keyof typeof VIT_PRESETS;

/** What DeiT's recipe is made of. */
export const DEIT = {
  ...{ imageSize: 224, patchSize: 16, dropPath: 0.1 },
  ...{ epochs: 300, batchSize: 1024, weightDecay: 0.05 },
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

const TAUGHT_NOTES: readonly string[] = [
  "The paper's teacher is a RegNet, a convolutional network, which this " +
  "library does not have. The given teacher sees the same cropped, " +
  "augmented and mixed pictures as the models, with pixels on the scale " +
  "that its own files ask for.",
  "DeiT's distilled models have a separate token and head for the " +
  "teacher; here one head learns from both the labels and the teacher.",
  "Without a teacher, the paper's LION-S has 67.95 in Table 15, and 72.4 in Table 12.",
];

const NOTES: readonly string[] = [
  "One rate and one seed, as published, so nothing is chosen on " +
  "held-back images: curves and table are for the test images.",
  "A batch of 1,024 is that of the authors' four processors, 256 each, " +
  "to which images, repeated three times in a row, are dealt in turn, " +
  "however many processes train here; pictures are mixed within each " +
  "part. `--accumulate` sets the number of parts.",
  "As in DeiT's code, the rate of an epoch is that of the schedule for " +
  "the previous one, and its ten epochs of cooling down are not reached. " +
  "Colours are not jittered, as in timm with RandAugment.",
  "DeiT's code tests the weights after each epoch, and prints the best " +
  "accuracy so far; here the table has that of the last weights. A " +
  "moving average of the weights, which the code keeps but does not " +
  "test, is left out.",
];

/** A contender of this recipe: DeiT and Vim read their class token. */
function readingToken(contender: Contender): Contender {
  const { options } = contender;
  const reads = options.variant === "softmax" || options.variant === "vim";
  if (!reads) return contender;
  return { ...contender, options: { ...options, classToken: "read" } };
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
  /** What else is compared on them, by task; the paper has it of the size `tiny`. */
  readonly comparisons?: Readonly<Record<string, Comparison>>;
  /** Whether a model may teach those of another task. @default false */
  readonly distils?: boolean;
  load(folder: string): Promise<VisionImages>;
}

/** The task that compares the variants with rivals. */
const MODELS = "models";

/** The task in which a model teaches. */
const DISTILLATION = "distillation";

/** The recipe of some images. */
export function visionRecipe(recipe: VisionRecipe): PaperRecipe {
  const { sizes, images, classes, comparisons = {}, distils, load } = recipe;
  return {
    sizes,
    tasks: [
      ...[MODELS, ...Object.keys(comparisons)],
      ...distils ? [DISTILLATION] : [],
    ],
    usualTask: MODELS,
    ...distils ? { takes: ["teacher"] } : {},
    of(choice) {
      const { batchSize = DEIT.batchSize, accumulate = DEIT.ranks } = choice;
      const size = sizes.find((size) => size === choice.size) ?? sizes[0]!;
      const part = partOfBatch(batchSize, accumulate);
      if (part % 2 !== 0) {
        throw new RangeError(
          `--batch-size should leave an even number of images for each of ${accumulate} parts, whose pictures are mixed in pairs, got ${batchSize}`,
        );
      }
      const { contenders, ...compared } = comparisonOf(recipe, size, choice);
      return paperRecipe({
        ...compared,
        files: recipe.files,
        contenders: contenders
          .filter(({ options }) => presetOf(options, size) !== undefined)
          .map(readingToken),
        measure: BY_ACCURACY,
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

/** Who is compared by the task that is chosen, and what is said of it. */
function comparisonOf(
  { title, about, notes = [], published, comparisons = {} }: VisionRecipe,
  size: VisionSize,
  { task = MODELS, teacher }: PaperChoice,
): Comparison & Pick<Recipe, "notes"> {
  const all = [...NOTES, ...notes];
  if (task === DISTILLATION) {
    if (teacher === undefined) {
      throw new RangeError(
        `--task ${DISTILLATION} should be with --teacher, a folder of a classifier of images or its name on the hub, such as google/vit-base-patch16-224, got none`,
      );
    }
    const { contenders, ...taught } = comparedBy(
      distillationBy(`the model ${teacher}`),
    );
    return {
      ...taught,
      contenders: contenders.map((contender) =>
        taughtLabels(contender) ? { ...contender, teacher } : contender
      ),
      notes: [...all, ...TAUGHT_NOTES],
    };
  }
  if (teacher !== undefined) {
    throw new RangeError(
      `--teacher should be with --task ${DISTILLATION}, got ${task}`,
    );
  }
  if (task !== MODELS) return { ...comparedBy(comparisons[task]!), notes: all };
  return {
    title: `${title}, ${size}`,
    ...{ about, notes: all, contenders: MIXERS, reference: "softmax" },
    published: published[size] ?? {},
  };

  /** One of the paper's tables on these images. */
  function comparedBy(comparison: Comparison): Comparison {
    return {
      ...comparison,
      title: `${comparison.title}, ${title}, ${size}`,
      about: `${about} ${comparison.about}`,
      published: size === "tiny" ? comparison.published ?? {} : {},
    };
  }
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
    floor: { guess: "chance", loss: Math.log(numClasses) },
    baselines: () => ({ "any class": { accuracy: 1 / numClasses } }),
    async trial({ contender, seed, steps, rate }) {
      const { options, teacher } = contender;
      const taught = teacher === undefined
        ? undefined
        : await visionTeacher(teacher, { classes: numClasses, isSmoke });
      const model = lionViT({
        ...presetOf(options, size)!,
        ...isSmoke ? TINY.sizes : {},
        ...{ imageSize, patchSize: DEIT.patchSize, dropPath: DEIT.dropPath },
        ...{ numClasses, ...options, seed },
      });
      return {
        model,
        data: inTurns(partsOf(train, { imageSize, part, ranks, seed })),
        options: {
          ...visionOptions({ steps, rate, accumulate: ranks }),
          ...taught
            ? {
              distillation: {
                teacher: taught.teacher,
                labels: taughtLabels(contender),
              },
            }
            : {},
        },
        validation: validated(held),
        validationBatches: Math.ceil(tested.size / HELD),
        test: async () => ({ accuracy: await accuracyOf(model, held()) }),
        decays: () => decaysIn(model, held()),
        dispose: () => taught?.dispose(),
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
    // A teacher's part of the loss asks for them, where labels are mixed.
    weights: soft.weights,
    description: `${soft.description}, or ${hard.description}`,
    wrongLabels: (labels: tf.Tensor, shape: readonly (number | null)[]) =>
      of(labels).wrongLabels!(labels, shape),
  });
}
