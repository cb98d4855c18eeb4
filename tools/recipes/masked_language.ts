import { lionBert, type LionBertOptions } from "@lionjs/lion";
import {
  batchesInOrder,
  collateMasked,
  datasetOf,
  packTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { loadSentenceTokens } from "./corpus.ts";
import { keepWeights } from "./kept_weights.ts";
import { countWords, guessHidden } from "./counted_language.ts";
import {
  figuresAt,
  HELD_RATE,
  hiddenFigures,
  TRAINING_RATE,
} from "./hidden_tokens.ts";
import {
  BY_LOSS,
  type Contender,
  type ContenderOptions,
  type Figures,
  type OpenRecipe,
  type Part,
  type Recipe,
  type Setting,
  trainingOptions,
  validated,
} from "./recipe.ts";

const QUICK = {
  sizes: {
    vocabularySize: 512,
    dim: 64,
    depth: 2,
    numHeads: 4,
    embeddingStd: 0.125,
  },
  length: 64,
  batchSize: 24,
  /** One of so many sentences is taken. */
  every: 1,
};

/** The models, which `classify` goes on from. */
export const BERT_SETTINGS = {
  smoke: { ...QUICK, batchSize: 4, every: 50 },
  quick: QUICK,
  paper: {
    sizes: { vocabularySize: 30_522, dim: 768, depth: 12, numHeads: 12 },
    length: 128,
    batchSize: 4096,
    every: 1,
  },
};

/** No vectors of positions. */
export const NONE = { maxLength: 0 };

/** Of LION-D and -S in the quick setting. */
export const LION = { featureMap: "shiftedSilu", normalize: true } as const;

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
  ...(["d", "s"] as const).map((variant) => ({
    name: `lion-${variant}`,
    options: { variant, ...LION, ...NONE },
    paper: { variant, ...NONE },
  })),
];

/** The paper's Table 9: decays and learned positions. */
export const WITH_POSITIONS: readonly Contender[] = (["d", "s"] as const).map(
  (variant) => ({
    name: `lion-${variant}-positions`,
    options: { variant, ...LION },
    paper: { variant },
  }),
);

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

/** Sequences of validation text that are looked at. */
const FEW = 512;

/** Beyond the length of training, as in the paper's figure 9. */
const LONGER = [1, 2, 4, 8];

/** What the paper reached on C4 at hidden tokens: Tables 3, 11 and 9. */
export const C4_ACCURACY = {
  large: {
    ...{ softmax: 69.88, hydra: 71.18, "lion-lit": 67.11 },
    ...{ "lion-d": 68.64, "lion-s": 69.16 },
  },
  base: {
    ...{ softmax: 67.23, hydra: 69.1, "lion-lit": 65.08 },
    ...{ "lion-d": 66.62, "lion-s": 66.19 },
  },
  positions: {
    ...{ "lion-d": 66.62, "lion-d-positions": 66.97 },
    ...{ "lion-s": 67.05, "lion-s-positions": 67.35 },
  },
};

/** Text: hidden tokens are to be guessed. */
export const maskedLanguage: Recipe = {
  title: "Masked language modelling",
  about: "The models fill in hidden tokens in sentences of the npm package " +
    "nlp-corpus; the vocabulary is learned from the training part. 30 % of " +
    "the tokens are hidden in training and 15 % in the test, 80/10/10 as " +
    "in BERT; the table has accuracy and perplexity at hidden tokens of " +
    "held-out sentences, at the length of training and at 2, 4 and 8 times " +
    "that length; learned positions end at the first, and rotary ones are also " +
    "divided by 8 at the last, `interpolated`. Blocks are BERT's " +
    "post-norm blocks, or pre-norm ones with ALiBi. The contenders are " +
    "softmax with rotary positions or ALiBi's slopes, LION-LIT with " +
    "learned positions, LION-D and LION-S. The last two have no positions " +
    "besides their decays, except for those named -positions, which learn " +
    "them too (the paper's Table 9). The paper's setting is that of the " +
    "authors' code. `unigram` guesses by the frequency of tokens, `bigram` " +
    "also by the token before; both copy a token that masking left visible " +
    "if it is likely to be right.",
  contenders: [...BERT_CONTENDERS, ...WITH_POSITIONS],
  reference: "softmax",
  measure: BY_LOSS,
  plan: {
    // A quarter of the steps is too short for softmax to find the order of tokens.
    quick: { steps: 1500, rates: [3e-3, 6e-3, 1.2e-2] },
    paper: { steps: 70_000, rates: [2.5e-4, 5e-4, 1e-3] },
  },
  published: {
    "C4 (large), paper": C4_ACCURACY.large,
    "C4 (base, Table 9), paper": C4_ACCURACY.positions,
    "× softmax, paper": {
      ...{ softmax: 1, "lion-lit": 0.95, "lion-d": 1.1, "lion-s": 1.32 },
    },
  },
  open: (setting) => openMasked(setting, LONGER),
};

/** The text, and models that are tested at multiples of the length of training. */
export async function openMasked(
  setting: Setting,
  lengths: readonly number[],
): Promise<OpenRecipe> {
  const { sizes, length, batchSize, every } = BERT_SETTINGS[setting];
  const { vocabularySize } = sizes;
  const corpus = await loadSentenceTokens({ vocabularySize, every });
  const { tokenizer } = corpus;
  const dataOf = (part: Part, times = 1) => {
    const sequences = packTokens(corpus[part], {
      length: times * length,
      separator: tokenizer.specials.sep,
    });
    return datasetOf(
      part === "validation" ? sequences.slice(0, FEW) : sequences,
    );
  };
  const train = dataOf("train");
  const held = (
    part: Part,
    { rate = HELD_RATE, times = 1 }: { rate?: number; times?: number } = {},
  ) =>
    batchesInOrder(dataOf(part, times), {
      batchSize: 32 / times,
      collate: collateMasked({ tokenizer, rate }),
    });
  const counts = countWords(corpus.train, tokenizer);
  const { unigram } = await guessHidden(
    counts,
    held("validation", { rate: TRAINING_RATE }),
    tokenizer,
  );
  return {
    floor: {
      guess: "token frequencies, and copying visible tokens",
      loss: Math.log(unigram["perplexity"]!),
    },
    async baselines() {
      const found: Record<string, Figures> = { unigram: {}, bigram: {} };
      for (const times of lengths) {
        const guesses = await guessHidden(
          counts,
          held("test", { times }),
          tokenizer,
        );
        for (const [name, figures] of Object.entries(guesses)) {
          Object.assign(found[name]!, figuresAt(times * length, figures));
        }
      }
      return found;
    },
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
          const own = options.maxLength === 0 ? lengths : [1];
          const tested = (times: number) => ({
            length: times * length,
            batches: held("test", { times }),
          });
          const longest = own.at(-1)!;
          if (options.position !== "rotary" || longest === 1) {
            return await hiddenFigures(model, own.map(tested));
          }
          const reader = { ...options, rotaryScale: longest };
          const interpolating = bertOf(setting, reader, { seed });
          interpolating.setWeights(model.getWeights());
          const other = { model: interpolating, name: "interpolated" };
          try {
            return await hiddenFigures(model, [
              ...own.slice(0, -1).map(tested),
              { ...tested(longest), other },
              tested(longest),
            ]);
          } finally {
            interpolating.dispose();
          }
        },
        keep: (folder) => keepWeights(model, folder),
      };
    },
  };
}
