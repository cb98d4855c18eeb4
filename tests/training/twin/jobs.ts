/** What our models and their twins in PyTorch are trained on. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, lionEncoder, lionGpt } from "../../../mod.ts";
import {
  type BatchStream,
  byteTokenizer,
  collateCausal,
  collateMasked,
  collateTokens,
  datasetOf,
  shuffledBatches,
} from "../../../lib/data/mod.ts";
import { uniform } from "../../random.ts";

/** Steps of a training. */
export const STEPS = 50;

/** All that an optimizer is told, here and in train.py. */
export const OPTIMIZER = {
  learningRate: 3e-3,
  warmUpSteps: 10,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
} as const;

/** How tokens are mixed. */
export type Mixing =
  | { readonly variant: "lit" | "d" | "s" | "softmax" }
  | { readonly variant: "softmax"; readonly position: "rotary" | "alibi" };

/** A model, and what it learns. */
export interface Job {
  /** What models.py makes, of `mixing` too. */
  readonly twin: {
    readonly model: "encoder" | "gpt" | "bert";
    readonly options: Readonly<Record<string, number>>;
  };
  /** The same weights each time. */
  readonly model: (mixing: Mixing) => LayersModel;
  /** The same batches each time. */
  readonly data: () => BatchStream;
}

/** Not a multiple of a chunk. */
const LENGTH = 41;
const WORDS = 20, CLASSES = 3;
const SIZES = { dim: 32, depth: 2, numHeads: 4, seed: 1 } as const;
const TWIN_SIZES = {
  dim: SIZES.dim,
  depth: SIZES.depth,
  heads: SIZES.numHeads,
};

/** Sentences in which each word has one that likes to follow it. */
function sentences(shortest: number, longest: number): number[][] {
  const random = uniform(1);
  const below = (count: number) => Math.floor(count * random());
  return Array.from({ length: 160 }, () => {
    let word = below(WORDS);
    const length = shortest + below(longest - shortest + 1);
    return Array.from(
      { length },
      () => word = random() < 0.7 ? (3 * word + 1) % WORDS : below(WORDS),
    );
  });
}

const BATCHES = { batchSize: 8, seed: 3 };

/** By the name of the model. */
export const JOBS: Readonly<Record<string, Job>> = {
  lionEncoder: {
    twin: {
      model: "encoder",
      options: {
        ...TWIN_SIZES,
        vocabulary: WORDS,
        max_length: LENGTH,
        classes: CLASSES,
      },
    },
    model: (mixing) =>
      lionEncoder({
        ...SIZES,
        vocabularySize: WORDS,
        maxLength: LENGTH,
        numClasses: CLASSES,
        embeddingStd: 0.25,
        ...mixing,
      }),
    data() {
      const examples = sentences(5, LENGTH).map((ids) => ({
        ids,
        label: ids[0]! % CLASSES,
      }));
      return shuffledBatches(datasetOf(examples), {
        ...BATCHES,
        collate: collateTokens({ length: LENGTH }),
      });
    },
  },
  lionGpt: {
    twin: {
      model: "gpt",
      options: { ...TWIN_SIZES, vocabulary: WORDS, max_length: LENGTH },
    },
    model: (mixing) =>
      lionGpt({
        ...SIZES,
        vocabularySize: WORDS,
        maxLength: LENGTH,
        ...mixing,
      }),
    data: () =>
      shuffledBatches(datasetOf(sentences(LENGTH + 1, LENGTH + 1)), {
        ...BATCHES,
        collate: collateCausal(),
      }),
  },
  lionBert: {
    twin: {
      model: "bert",
      options: {
        ...TWIN_SIZES,
        vocabulary: byteTokenizer().vocabularySize,
        max_length: LENGTH,
      },
    },
    model: (mixing) =>
      lionBert({
        ...SIZES,
        vocabularySize: byteTokenizer().vocabularySize,
        maxLength: LENGTH,
        tokenTypes: 0,
        embeddingStd: 0.125,
        ...mixing,
      }),
    data: () =>
      shuffledBatches(datasetOf(sentences(5, LENGTH)), {
        ...BATCHES,
        collate: collateMasked({
          tokenizer: byteTokenizer(),
          rate: 0.3,
          length: LENGTH,
        }),
      }),
  },
};
