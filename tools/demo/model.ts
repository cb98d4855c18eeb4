/** A small vision transformer for digits, and how it is trained. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type AttentionVariant, lionViT } from "@lionjs/lion";
import { batchesInOrder, shuffledBatches } from "@lionjs/lion/data";
import { collateDigits, type Digits, MNIST_SIDE } from "@lionjs/lion/datasets";
import {
  accuracy,
  crossEntropy,
  train,
  type TrainingResult,
} from "@lionjs/lion/training";

/** Sizes; chosen on 5,000 held-back training images. */
export const SIZES = { patchSize: 7, dim: 64, numHeads: 4, depth: 2 } as const;

/** Tokens per image. */
export const TOKENS = (MNIST_SIDE / SIZES.patchSize) ** 2;

/** Chosen on 5,000 held-back training images. */
const TRAINING = {
  batchSize: 48,
  optimizer: { learningRate: 4e-3, warmUpSteps: 50, beta2: 0.99 },
};

/** Classifies digits; 16 patches are the tokens of a two-layer encoder. */
export function digitClassifier(
  variant: AttentionVariant,
  seed: number,
): LayersModel {
  return lionViT({
    ...SIZES,
    imageSize: MNIST_SIDE,
    channels: 1,
    numClasses: 10,
    mlpRatio: 2,
    classToken: "none",
    variant,
    seed,
  });
}

/** What to train with. */
export interface Course {
  /** Passes over the images. */
  readonly epochs: number;
  /** Of the batches. */
  readonly seed: number;
  /** Ends training after a step. */
  readonly signal: AbortSignal;
}

/** Trains a model, and evaluates it on the images that are held back. */
export function trainOn(
  model: LayersModel,
  digits: Digits,
  heldBack: Digits,
  { epochs, seed, signal }: Course,
): Promise<TrainingResult> {
  const { batchSize, optimizer } = TRAINING;
  const collate = collateDigits();
  const steps = Math.max(1, Math.round(epochs * digits.size / batchSize));
  return train(
    model,
    shuffledBatches(digits, { batchSize, seed, collate }),
    {
      steps,
      loss: crossEntropy(),
      optimizer: {
        ...optimizer,
        warmUpSteps: Math.min(optimizer.warmUpSteps, steps - 1),
      },
      seed,
      signal,
      progress: true,
      evaluate: {
        data: () => batchesInOrder(heldBack, { batchSize: 500, collate }),
        metrics: { accuracy: accuracy() },
        every: 400,
      },
    },
  );
}
