/** Sequences that an encoder classifies, from whatever they are made of. @module */
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import {
  type Batch,
  batchesInOrder,
  type BatchStream,
  type Collate,
  collatePixels,
  type Dataset,
  type LabelledImage,
  type PixelScale,
  shuffledBatches,
} from "@lionjs/lion/data";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  accuracyOf,
  type OpenRecipe,
  type Part,
  type Trial,
  type TrialChoice,
  validated,
} from "./recipe.ts";

/** The sizes of an encoder. */
export interface EncoderSizes {
  readonly dim: number;
  readonly depth: number;
  readonly numHeads: number;
  readonly mlpRatio: number;
  readonly dropout?: number;
}

/** What a task does not say of its models. */
type EncoderOptions = Omit<
  LionEncoderOptions,
  "inputDim" | "vocabularySize" | "numClasses"
>;

/** Sequences of classes, and the models that read them. */
export interface SequenceTask {
  readonly numClasses: number;
  /** Shuffled batches without end. */
  train(options: { batchSize: number; seed: number }): BatchStream;
  /** One pass over examples that are not trained on. */
  held(part: Exclude<Part, "train">): AsyncIterable<Batch>;
  /** Batches of a pass over those for validation. */
  readonly validationBatches: number;
  model(options: EncoderOptions): LayersModel;
}

/** How models are trained on them. */
export interface SequenceTraining {
  readonly sizes: EncoderSizes;
  readonly batchSize: number;
  options(choice: Pick<TrialChoice, "steps" | "rate">): Trial["options"];
}

/** The recipe on sequences. */
export function openSequences(
  task: SequenceTask,
  { sizes, batchSize, options: optionsOf }: SequenceTraining,
): OpenRecipe {
  const { numClasses, validationBatches } = task;
  return {
    floor: { guess: "chance", loss: Math.log(numClasses) },
    baselines: () => ({ "any class": { accuracy: 1 / numClasses } }),
    trial({ contender: { options }, seed, ...choice }) {
      const model = task.model({ ...sizes, ...options, seed });
      return {
        model,
        data: task.train({ batchSize, seed }),
        options: optionsOf(choice),
        validation: validated(() => task.held("validation")),
        validationBatches,
        test: async () => ({
          accuracy: await accuracyOf(model, task.held("test")),
        }),
      };
    },
  };
}

/** What sequences are made of. */
export interface SequenceParts<E> {
  readonly numClasses: number;
  readonly parts: Readonly<Record<Part, Dataset<E>>>;
  readonly collate: Collate<E>;
  readonly model: SequenceTask["model"];
}

/** Examples that models see at once, where they are not trained on. */
const HELD = 50;

/** The sequences of examples, with their number to train on. */
export function sequencesOf<E>(
  { numClasses, parts, collate, model }: SequenceParts<E>,
): SequenceTask & { readonly examples: number } {
  return {
    numClasses,
    examples: parts.train.size,
    train: (options) => shuffledBatches(parts.train, { ...options, collate }),
    held: (part) => batchesInOrder(parts[part], { batchSize: HELD, collate }),
    validationBatches: Math.ceil(parts.validation.size / HELD),
    model,
  };
}

/** Images that are read pixel by pixel. */
export interface PixelImages extends Required<PixelScale> {
  /** Pixels of an image. */
  readonly length: number;
  readonly numClasses: number;
  readonly images: Readonly<Record<Part, Dataset<LabelledImage>>>;
}

/** Images as sequences of numbers, row by row; positions are learned. */
export function pixelSequences(
  { length, numClasses, images, mean, deviation }: PixelImages,
): SequenceTask & { readonly examples: number } {
  return sequencesOf({
    numClasses,
    parts: images,
    collate: collatePixels({ mean, deviation }),
    model: (options) =>
      lionEncoder({ inputDim: 1, maxLength: length, numClasses, ...options }),
  });
}
