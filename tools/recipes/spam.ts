import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  byteTokenizer,
  type ClassifiedTokens,
  collateTokens,
  datasetOf,
  shuffledBatches,
  splitDocuments,
} from "@lionjs/lion/data";
import { loadSpamAssassin, type Mail } from "@lionjs/lion/datasets";
import { ARENA_FIGURES } from "./arena_figures.ts";
import { byteBaselines } from "./byte_baselines.ts";
import { oneOfEvery } from "./corpus.ts";
import { LONG_RANGE } from "./long_range.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Part,
  type Recipe,
  trainingOptions,
  validated,
} from "./recipe.ts";

const QUICK = {
  sizes: { dim: 32, depth: 2, numHeads: 4, mlpRatio: 2 },
  length: 1024,
  batchSize: 16,
  /** One of so many mails is taken. */
  every: 1,
};

const SETTINGS = {
  smoke: { ...QUICK, batchSize: 2, every: 30 },
  quick: QUICK,
  paper: {
    sizes: { dim: 256, depth: 6, numHeads: 8, mlpRatio: 4 },
    length: 4096,
    batchSize: 16,
    every: 1,
  },
};

/** Mails without their headers, byte by byte. */
export const spam: Recipe = {
  title: "Spam, byte by byte",
  about:
    "The model decides whether a mail of the SpamAssassin corpus is spam. " +
    "It reads the first 1,024 bytes of the body (4,096 in the paper's " +
    "setting), without subject and headers. Mails that differ only in " +
    "digits, spaces and case count once, and a mail's hash decides which " +
    "part of the data it belongs to. Positions are learned, and softmax " +
    "also has rotary ones. Contenders named -random and -hippo have a " +
    "decay for each channel, which starts at random like that of a head, " +
    "or with HiPPO's values. `bytes` and `byte pairs` are naive Bayes " +
    "classifiers on their counts.",
  contenders: LONG_RANGE,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: {
      ...{ steps: 150, seeds: 3, validations: 8 },
      rates: [2e-3, 4e-3, 8e-3],
    },
    paper: { steps: 20_000, rates: [5e-4, 1e-3, 2e-3] },
  },
  published: ARENA_FIGURES.text,
  async open(setting) {
    const { sizes, length, batchSize, every } = SETTINGS[setting];
    const tokenizer = byteTokenizer();
    const some = oneOfEvery(every, await loadSpamAssassin());
    const mails = splitDocuments(some, {
      validation: 0.1,
      test: 0.2,
      key: ({ name }) => name,
    });
    const examplesOf = (some: readonly Mail[]): ClassifiedTokens[] =>
      some.map(({ isSpam, body }) => ({
        ids: tokenizer.encode(body.slice(0, length)).slice(0, length),
        label: Number(isSpam),
      }));
    const parts: Record<Part, ClassifiedTokens[]> = {
      train: examplesOf(mails.train),
      validation: examplesOf(mails.validation),
      test: examplesOf(mails.test),
    };
    const collate = collateTokens({ length });
    const held = (part: Part) =>
      batchesInOrder(datasetOf(parts[part]), { batchSize: 50, collate });
    return {
      floor: { guess: "the share of spam", loss: entropyOf(parts.train) },
      baselines: () => byteBaselines(parts.train, parts.test),
      trial({ contender: { options }, seed, steps, rate }) {
        const model = lionEncoder({
          ...sizes,
          vocabularySize: tokenizer.vocabularySize,
          ...{ maxLength: length, numClasses: 2, embeddingStd: 0.25 },
          ...options,
          seed,
        });
        const data = datasetOf(parts.train);
        return {
          model,
          data: shuffledBatches(data, { batchSize, seed, collate }),
          options: trainingOptions({ steps, rate, weightDecay: 0.05 }),
          validation: validated(() => held("validation")),
          test: async () => ({
            accuracy: await accuracyOf(model, held("test")),
          }),
        };
      },
    };
  },
};

/** The loss of a guess by the labels' frequencies alone. */
function entropyOf(examples: readonly ClassifiedTokens[]): number {
  const share = examples.filter(({ label }) => label === 1).length /
    examples.length;
  return -share * Math.log(share) - (1 - share) * Math.log(1 - share);
}
