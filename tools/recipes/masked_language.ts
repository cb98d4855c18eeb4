import { lionBert, type LionBertOptions } from "@lionjs/lion";
import {
  batchesInOrder,
  collateMasked,
  datasetOf,
  packTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  perplexity,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { loadSentenceTokens } from "./corpus.ts";
import { keepWeights } from "./kept_weights.ts";
import { countWords, guessHidden } from "./counted_language.ts";
import {
  BY_LOSS,
  type Contender,
  type ContenderOptions,
  type Part,
  type Recipe,
  type Setting,
  trainingOptions,
  validated,
} from "./recipe.ts";

/** The models, which `classify` goes on from. */
export const BERT_SETTINGS = {
  quick: {
    sizes: {
      vocabularySize: 512,
      dim: 64,
      depth: 2,
      numHeads: 4,
      embeddingStd: 0.125,
    },
    length: 64,
    batchSize: 24,
  },
  paper: {
    sizes: { vocabularySize: 30_522, dim: 768, depth: 12, numHeads: 12 },
    length: 128,
    batchSize: 4096,
  },
};

/** No vectors of positions. */
const NONE = { maxLength: 0 };

/** The contenders, which `classify` has too. */
export const BERT_CONTENDERS: readonly Contender[] = [
  {
    name: "softmax",
    options: { variant: "softmax", position: "rotary", ...NONE },
    paper: { variant: "softmax" },
  },
  {
    name: "softmax-alibi",
    options: { variant: "softmax", position: "alibi", norm: "pre", ...NONE },
  },
  {
    name: "lion-lit",
    options: { variant: "lit", featureMap: "eluPlusOne", normalize: true },
    paper: { variant: "lit" },
  },
  {
    name: "lion-d",
    options: {
      ...{ variant: "d", featureMap: "shiftedSilu", normalize: true },
      ...NONE,
    },
    paper: { variant: "d" },
  },
  {
    name: "lion-s",
    options: {
      ...{ variant: "s", featureMap: "shiftedSilu", normalize: true },
      ...NONE,
    },
    paper: { variant: "s" },
  },
];

/** A model of `mlm`, or with another head. */
export function bertOf(
  setting: Setting,
  contender: ContenderOptions,
  options: Pick<LionBertOptions, "head" | "numClasses" | "seed">,
): LayersModel {
  const { sizes, length } = BERT_SETTINGS[setting];
  return lionBert({
    ...sizes,
    maxLength: length,
    tokenTypes: 0,
    ...contender,
    ...options,
  });
}

/** Shares of the tokens that are hidden, in training and otherwise. */
const TRAINING_RATE = 0.3, HELD_RATE = 0.15;

/** Sequences of validation text that are looked at. */
const FEW = 512;

/** Text: hidden tokens are to be guessed. */
export const maskedLanguage: Recipe = {
  title: "Masked language modelling",
  about: "Sentences of the npm package nlp-corpus, in tokens of a vocabulary " +
    "learned from the training part. 30 % of the tokens are hidden in " +
    "training and 15 % in the test, 80/10/10 as in BERT; the table has " +
    "accuracy and perplexity at hidden tokens of held-out sentences. " +
    "Blocks are BERT's post-norm blocks, or pre-norm ones with ALiBi. " +
    "The contenders are softmax or linear, with positions or a decay: " +
    "softmax with rotary positions, softmax with ALiBi's slopes, " +
    "LION-LIT with learned positions, and LION-D; and LION-S. LION-D " +
    "and -S have no positions besides their decays. In the paper's " +
    "setting everything is as in the authors' code. `unigram` guesses " +
    "by the frequency of tokens, `bigram` also by the token before; " +
    "both copy a token that masking left visible if it is likely to be " +
    "right.",
  contenders: BERT_CONTENDERS,
  reference: "softmax",
  measure: BY_LOSS,
  plan: {
    // A quarter of the steps is too short for softmax to find the order of tokens.
    quick: { steps: 1500, rates: [3e-3, 6e-3, 1.2e-2], searchShare: 0.4 },
    paper: { steps: 70_000, rates: [2.5e-4, 5e-4, 1e-3] },
  },
  published: {
    "× softmax, paper": {
      "softmax": 1,
      "lion-lit": 0.95,
      "lion-d": 1.1,
      "lion-s": 1.32,
    },
  },
  async open(setting) {
    const { sizes, length, batchSize } = BERT_SETTINGS[setting];
    const corpus = await loadSentenceTokens(sizes.vocabularySize);
    const { tokenizer } = corpus;
    const dataOf = (part: Part) => {
      const sequences = packTokens(corpus[part], {
        length,
        separator: tokenizer.specials.sep,
      });
      return datasetOf(
        part === "validation" ? sequences.slice(0, FEW) : sequences,
      );
    };
    const train = dataOf("train");
    const held = (part: Part, rate = HELD_RATE) =>
      batchesInOrder(dataOf(part), {
        batchSize: 32,
        collate: collateMasked({ tokenizer, rate }),
      });
    const counts = countWords(corpus.train, tokenizer);
    const { unigram } = await guessHidden(
      counts,
      held("validation", TRAINING_RATE),
      tokenizer,
    );
    return {
      floor: {
        guess: "frequencies of tokens, and copying what is shown",
        loss: Math.log(unigram.perplexity!),
      },
      baselines: async () => ({
        ...await guessHidden(counts, held("test"), tokenizer),
      }),
      trial({ contender: { options }, seed, steps, rate }) {
        const model = bertOf(setting, options, { seed });
        return {
          model,
          data: shuffledBatches(train, {
            batchSize,
            seed,
            collate: collateMasked({ tokenizer, rate: TRAINING_RATE }),
          }),
          options: trainingOptions({ steps, rate, weightDecay: 0.01 }),
          validation: validated(() => held("validation")),
          async test() {
            const { loss, ...means } = await evaluate(model, held("test"), {
              loss: crossEntropy(),
              metrics: { accuracy: accuracy() },
            });
            return { ...means, perplexity: perplexity(loss!) };
          },
          keep: (folder) => keepWeights(model, folder),
        };
      },
    };
  },
};
