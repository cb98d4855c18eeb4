/** The model of punctuation, and what it is trained with. @module */
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { crossEntropy, warmUpCosine } from "@lionjs/lion/training";
import { CLASSES } from "../../../models/punctuation/text/mod.ts";

/** Tokens of the vocabulary. */
export const VOCABULARY = 4000;

/** The options of the model that is shipped; its blocks read forwards and backwards in turn. */
export const OPTIONS = {
  vocabularySize: VOCABULARY,
  output: "tokens",
  numClasses: CLASSES,
  variant: "s",
  direction: "alternate",
  featureMap: "shiftedSilu",
  normalize: true,
  dim: 128,
  depth: 4,
  numHeads: 4,
  embeddingStd: 0.1,
} as const satisfies LionEncoderOptions;

/**
 * The loss: by mark and capital, classes that are rare count more, as they do in F1. The
 * first half are words in lower case, in the order of marks.
 */
export const LOSS = crossEntropy({
  classWeights: [1, 1.5, 1.5, 3, 1.5, 2, 2, 4],
});

/** The learning rate of so many steps. */
export const learningRate = (steps: number) =>
  warmUpCosine({
    learningRate: 3e-3,
    warmUpSteps: Math.min(200, Math.floor(steps / 4)),
    steps,
    final: 3e-5,
  });

/** The model, with its first weights. */
export const punctuationModel = (options: LionEncoderOptions, seed: number) =>
  lionEncoder({ ...options, seed });

/** The twins: as many parameters and steps, but another way to read. */
export const TWINS: Readonly<Record<string, Partial<LionEncoderOptions>>> = {
  "both ways": {},
  causal: { direction: "forward" },
  softmax: {
    variant: "softmax",
    direction: "both",
    featureMap: undefined,
    normalize: undefined,
    maxLength: 160,
  },
};
