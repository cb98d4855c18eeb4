/** What a recipe is: a task, its data, and models that are compared on it. @module */
import type { AttentionVariant } from "@lionjs/lion";
import type { Batch, BatchStream } from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  type TrainOptions,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** A model that takes part. */
export interface Contender {
  /** For people, and in names of folders. */
  readonly name: string;
  readonly variant: AttentionVariant;
  /** Of images. */
  readonly order?: "raster" | "snake";
}

/** The variants, and softmax attention to compare with. */
export const CONTENDERS: readonly Contender[] = [
  { name: "softmax", variant: "softmax" },
  { name: "lion-lit", variant: "lit" },
  { name: "lion-d", variant: "d" },
  { name: "lion-s", variant: "s" },
];

/** Two CPU cores and minutes, or as published. */
export type Setting = "quick" | "paper";

/** Numbers by what they are of. */
export type Figures = Record<string, number>;

/** Columns of a table whose figures are others', by contender. */
export type Published = Readonly<Record<string, Readonly<Figures>>>;

/** One training of one contender. */
export interface Trial {
  readonly model: LayersModel;
  readonly data: BatchStream;
  readonly options: Pick<
    TrainOptions,
    "steps" | "loss" | "optimizer" | "ema" | "evaluate"
  >;
  /** What the trained model reaches on what it has not seen. */
  test(): Promise<Figures>;
}

/** What trials begin with. */
export interface TrialChoice {
  readonly contender: Contender;
  readonly seed: number;
  /** Where another recipe's trials are, by recipe. */
  readonly folderOf: (recipe: string) => string;
}

/** A recipe whose data are at hand. */
export interface OpenRecipe {
  /** What needs no model, by name. */
  readonly baselines: Record<string, Figures>;
  trial(choice: TrialChoice): Trial | Promise<Trial>;
}

/** A task, and how models are trained for it. */
export interface Recipe {
  readonly title: string;
  /** The data, the models and the measure, in a few sentences. */
  readonly about: string;
  readonly contenders: readonly Contender[];
  /** The figures of a test that are accuracies, and shown in percent. */
  readonly percent: readonly string[];
  /** What the paper reached, by title of a column and contender. */
  readonly published?: Published;
  open(setting: Setting): Promise<OpenRecipe>;
}

/** AdamW with a warm-up of a tenth of the steps, as for language models. */
export function trainingOptions(
  { steps, learningRate, weightDecay }: {
    steps: number;
    learningRate: number;
    weightDecay: number;
  },
): Trial["options"] {
  return {
    steps,
    loss: crossEntropy(),
    optimizer: {
      learningRate,
      warmUpSteps: Math.ceil(steps / 10),
      beta2: 0.98,
      weightDecay,
    },
  };
}

/** The share of labels that a model gets right. */
export async function accuracyOf(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
): Promise<Figures> {
  const { accuracy: share } = await evaluate(model, batches, {
    loss: crossEntropy(),
    metrics: { accuracy: accuracy() },
  });
  return { accuracy: share! };
}
