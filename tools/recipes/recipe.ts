/** What a recipe is: a task, its data, and models that are compared on it. @module */
import {
  type AttentionOptions,
  type AttentionVariant,
  type LionViTOptions,
  type Mixer,
  registerMixer,
} from "@lionjs/lion";
import type { Batch, BatchStream } from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  type EvaluationOptions,
  type TrainOptions,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Folders, NeededFiles } from "./needed_files.ts";

/**
 * What a contender has of its own: options of the recipe's model, in the place of
 * the recipe's. The model refuses those that it does not have.
 */
export type ContenderOptions =
  & Omit<AttentionOptions, "grid" | "classToken" | "direction">
  & Pick<LionViTOptions, "direction" | "positionEmbedding" | "classToken">
  & {
    /** Positions that have a vector of their own; 0 for none. */
    readonly maxLength?: number;
    /** Standard deviation of the first token and position embeddings. */
    readonly embeddingStd?: number;
    /** Where blocks normalise. */
    readonly norm?: "pre" | "post";
    /** Blocks. */
    readonly depth?: number;
    /** Columns of the perceptron, as a multiple of the model's; 0 for none. */
    readonly mlpRatio?: number;
    /** Which token a sequence is classified by, or the mean of all. */
    readonly pooling?: "first" | "mean";
  };

/** A model that takes part. */
export interface Contender {
  /** For people, and in names of folders. */
  readonly name: string;
  /** Its model, where it differs from the recipe's: its variant, and how its literature begins it. */
  readonly options: ContenderOptions;
  /** In the published setting. @default `options` */
  readonly paper?: ContenderOptions;
  /** Learning rates to choose from. @default the recipe's */
  readonly rates?: readonly number[];
  /** A model that teaches it, if a person has named one: a folder, or its name on the hub. */
  readonly teacher?: string;
}

/** The variants, and softmax attention to compare with, all with the recipe's options. */
export const CONTENDERS: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax" } },
  { name: "lion-lit", options: { variant: "lit" } },
  { name: "lion-d", options: { variant: "d" } },
  { name: "lion-s", options: { variant: "s" } },
];

/** Those that a table needs to be healthy: all that are not ours. */
export function isRival({ options: { variant } }: Contender): boolean {
  const own: (AttentionVariant | undefined)[] = ["lit", "d", "s", undefined];
  return !own.includes(variant);
}

/** Which examples: to train on, to choose by, to report on. */
export type Part = "train" | "validation" | "test";

/**
 * A few examples and steps of the quick setting's models, to see that everything
 * runs; two CPU cores and minutes; or as published.
 */
export type Setting = "smoke" | "quick" | "paper";

/** Numbers by what they are of; those called "accuracy…" are shares of 1. */
export type Figures = Record<string, number>;

/** Columns of a table whose figures are others', by contender. */
export type Published = Readonly<Record<string, Readonly<Figures>>>;

/** What is looked at on validation data, to choose between settings. */
export interface Measure {
  /** "loss", or the name of a metric of {@linkcode Trial.validation}. */
  readonly name: string;
  /** Which is the better one. */
  readonly best: "lowest" | "highest";
  /**
   * How much the best of the last quarter of a training may be better than the
   * best before it, where training has reached its plateau.
   */
  readonly plateau: number;
}

/** Half a point of accuracy is a plateau. */
export const BY_ACCURACY: Measure = {
  name: "accuracy",
  best: "highest",
  plateau: 0.005,
};

/** 0.02 nats are a plateau, 2 % of a perplexity. */
export const BY_LOSS: Measure = {
  name: "loss",
  best: "lowest",
  plateau: 0.02,
};

/** How contenders are trained. */
export interface TrainingPlan {
  /** Of a training. */
  readonly steps: number;
  /**
   * Learning rates to choose from on validation data: three or more, or one that
   * is published.
   */
  readonly rates: readonly number[];
  /** Trainings of each contender. @default 5 */
  readonly seeds?: number;
  /** Seeds with which each rate is tried. @default 3 */
  readonly searchSeeds?: number;
  /** Looks at validation data in a training. @default 12 */
  readonly validations?: number;
}

/** One training of one contender. */
export interface Trial {
  readonly model: LayersModel;
  readonly data: BatchStream;
  readonly options: Pick<
    TrainOptions,
    "loss" | "optimizer" | "ema" | "distillation"
  >;
  /** Brings the model to where another recipe has left it, before its first step. */
  begin?(): Promise<void>;
  /** What settings are chosen on, and curves are of: quick to look at. */
  readonly validation: Pick<EvaluationOptions, "data" | "metrics">;
  /** What is as good as solved: training ends after so many looks in a row with this accuracy. */
  readonly solved?: { readonly accuracy: number; readonly looks: number };
  /** Batches of a look at validation data, where there are too many to time. */
  readonly validationBatches?: number;
  /** What the trained model reaches on test data: called once, when all is chosen. */
  test(): Promise<Figures>;
  /** What else is drawn of the trained model: quantiles of its decays, by block. */
  decays?(): Promise<Readonly<Record<string, readonly number[]>>>;
  /** Keeps in the trial's folder what other recipes go on from. */
  keep?(folder: string): Promise<void>;
  /** Frees what it has besides the model. */
  dispose?(): void;
}

/** What trials begin with. */
export interface TrialChoice {
  readonly contender: Contender;
  readonly seed: number;
  /** So many are taken; fewer where rates are tried. */
  readonly steps: number;
  /** The highest learning rate. */
  readonly rate: number;
  /** Where a contender's training with a seed is, in another recipe. */
  readonly folderOf: (
    recipe: string,
    contender: string,
    seed: number,
  ) => string;
}

/** A recipe whose data are at hand. */
export interface OpenRecipe {
  /** In what the files that were found differ from those that are published. */
  readonly remarks?: readonly string[];
  /**
   * The training loss of a guess that has not learned the task: who ends there
   * is not trained, and not compared with.
   */
  readonly floor: { readonly guess: string; readonly loss: number };
  trial(choice: TrialChoice): Trial | Promise<Trial>;
  /**
   * What needs no model reaches on test data, by name, with what models can see:
   * called once, after the trainings.
   */
  baselines(): Record<string, Figures> | Promise<Record<string, Figures>>;
}

/** A task, and how models are trained for it. */
export interface Recipe {
  readonly title: string;
  /** The data, the models and the measure, in a few sentences. */
  readonly about: string;
  /** Where it differs from what is published, and the paper from its authors' code. */
  readonly notes?: readonly string[];
  /** What it should show, as it was written down before it was trained. */
  readonly expected?: string;
  /** What it reads of the user's; `open` then needs their folders. */
  readonly files?: NeededFiles;
  readonly contenders: readonly Contender[];
  /** The contender that others are compared with, seed by seed. */
  readonly reference: string;
  readonly measure: Measure;
  /** From which accuracy on a run counts as one that has solved its task, where it does or does not. */
  readonly solvedFrom?: number;
  /** Whether it shows who cannot learn its task: then no rival has to. */
  readonly showsLimits?: boolean;
  /** Those on files of the user's have no quick setting. */
  readonly plan: {
    readonly quick?: TrainingPlan;
    readonly paper: TrainingPlan;
  };
  /** Why it is not among all recipes in the quick setting; it still runs by name. */
  readonly leftOut?: string;
  /** What the paper reached, by title of a column and contender. */
  readonly published?: Published;
  open(setting: Setting, folders?: Folders): Promise<OpenRecipe>;
}

/** What recipes on different data have in common: a table of the paper's. */
export type Comparison = Pick<
  Recipe,
  "title" | "about" | "contenders" | "reference" | "published"
>;

/** In the place of what the quick setting has. */
const SMOKE: Partial<TrainingPlan> = {
  ...{ steps: 4, seeds: 1, searchSeeds: 1, validations: 2 },
};

/** How contenders are trained in a setting. */
export function planOf(
  { plan }: Pick<Recipe, "plan">,
  setting: Setting,
): TrainingPlan {
  const { quick = plan.paper, paper } = plan;
  return setting === "smoke"
    ? { ...quick, ...SMOKE }
    : setting === "quick"
    ? quick
    : paper;
}

/** Passes each token as it is. */
const PASSING: Mixer = {
  sharesTokens: true,
  parameters: () => [],
  apply: (x) => x,
  operations: () => 0,
};

/** In each recipe: what it reaches too is the merit of no way of mixing tokens. */
export const CONTROL: Contender = {
  name: "no mixing",
  options: { mixer: "no mixing" },
};

registerMixer("no mixing", PASSING);

/** Who takes part in a setting; the published one has no control. */
export function contendersOf(
  { contenders }: Pick<Recipe, "contenders">,
  setting: Setting,
): Contender[] {
  if (setting !== "paper") {
    return [...contenders.map(({ paper: _, ...own }) => own), CONTROL];
  }
  return contenders.map(({ paper, ...own }) => ({
    ...own,
    ...paper ? { options: paper } : {},
  }));
}

/** How often a training looks at validation data. */
export function validationsOf({ validations }: TrainingPlan): number {
  return validations ?? 12;
}

/** AdamW with a warm-up of a tenth of the steps, as for language models. */
export function trainingOptions(
  { steps, rate, weightDecay }: Pick<TrialChoice, "steps" | "rate"> & {
    weightDecay: number;
  },
): Trial["options"] {
  return {
    loss: crossEntropy(),
    optimizer: {
      learningRate: rate,
      warmUpSteps: Math.ceil(steps / 10),
      beta2: 0.98,
      weightDecay,
    },
  };
}

/** As vision transformers are trained: smoothed labels, and a moving average of the weights. */
export function imageTrainingOptions(
  { steps, rate, weightDecay }: Pick<TrialChoice, "steps" | "rate"> & {
    weightDecay: number;
  },
): Trial["options"] {
  return {
    loss: crossEntropy({ labelSmoothing: 0.1 }),
    optimizer: {
      learningRate: rate,
      warmUpSteps: Math.ceil(steps / 20),
      beta2: 0.99,
      weightDecay,
    },
    ema: { decay: 0.99 },
  };
}

/** Accuracy on validation data. */
export function validated(
  data: () => AsyncIterable<Batch>,
): Trial["validation"] {
  return { data, metrics: { accuracy: accuracy() } };
}

/** The share of labels that a model gets right. */
export async function accuracyOf(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
): Promise<number> {
  const { accuracy: share } = await evaluate(model, batches, {
    loss: crossEntropy(),
    metrics: { accuracy: accuracy() },
  });
  return share!;
}
