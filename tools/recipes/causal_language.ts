import { lionGpt } from "@lionjs/lion";
import {
  type Batch,
  batchesInOrder,
  collateCausal,
  datasetOf,
  packTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  type Metric,
  perplexity,
} from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { loadProseTokens } from "./corpus.ts";
import { countWords, guessNext } from "./counted_language.ts";
import {
  BY_LOSS,
  type Contender,
  type Figures,
  type Part,
  type Recipe,
  trainingOptions,
} from "./recipe.ts";

const QUICK = {
  sizes: {
    vocabularySize: 512,
    dim: 64,
    depth: 2,
    numHeads: 4,
    embeddingStd: 0.125,
  },
  length: 128,
  batchSize: 12,
  /** Tokens, of each length. */
  held: 24_576,
  /** One of so many texts is taken. */
  every: 1,
};

const SETTINGS = {
  smoke: { ...QUICK, batchSize: 2, held: 1024, every: 20 },
  quick: QUICK,
  paper: {
    sizes: { vocabularySize: 50_257, dim: 768, depth: 12, numHeads: 12 },
    length: 1024,
    batchSize: 512,
    held: 1_048_576,
    every: 1,
  },
};

/** Beyond the length of training, as in the paper's figure 5. */
const LONGER = [1, 2, 4, 8];

const CONTENDERS: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax", position: "rotary" } },
  {
    name: "softmax-learned",
    options: { variant: "softmax", position: "none" },
  },
  { name: "softmax-alibi", options: { variant: "softmax", position: "alibi" } },
  { name: "lion-lit", options: { variant: "lit" } },
  { name: "lion-d", options: { variant: "d" } },
  { name: "lion-s", options: { variant: "s" } },
];

/** Shares of a sequence's positions: its first 32nd, up to its 8th, half and whole. */
const SHARES = [1 / 32, 1 / 8, 1 / 2, 1];

/** Losses of the tokens between each position and the one before, by position. */
export function lossByPosition(length: number): Record<string, Metric> {
  const loss = crossEntropy();
  const ends = SHARES.map((share) => Math.round(share * length));
  return Object.fromEntries(ends.map((end, i): [string, Metric] => {
    const start = ends[i - 1] ?? 0, size = end - start;
    return [`${end}`, (predictions, labels) => {
      const sum = tf.tidy(() => {
        const some = tf.slice(labels, [0, start], [-1, size]);
        const logits = tf.slice(predictions, [0, start, 0], [-1, size, -1]);
        return tf.mul(loss(logits, some), loss.count!(some)) as tf.Scalar;
      });
      const count = tf.tidy(() =>
        loss.count!(tf.slice(labels, [0, start], [-1, size]))
      );
      return { sum, count };
    }];
  }));
}

/** Sequences of a length. */
export interface NextTokens {
  readonly length: number;
  readonly batches: AsyncIterable<Batch>;
  /** Whether losses are also told by position. @default false */
  readonly byPosition?: boolean;
}

/** Perplexity of next tokens by the length of sequences, and of some by position. */
export async function nextFigures(
  model: LayersModel,
  ofLengths: readonly NextTokens[],
): Promise<Figures> {
  const figures: Figures = {};
  for (const { length, batches, byPosition = false } of ofLengths) {
    const { loss, ...losses } = await evaluate(model, batches, {
      loss: crossEntropy(),
      metrics: byPosition ? lossByPosition(length) : {},
    });
    figures[`perplexity at ${length}`] = perplexity(loss!);
    for (const [position, loss] of Object.entries(losses)) {
      figures[`perplexity at position ${position}`] = perplexity(loss);
    }
  }
  return figures;
}

/** What the paper reached with GPT-2's size on OpenWebText: its figure 5. */
export const OPEN_WEB_TEXT = {
  softmax: 17.42,
  linear: { "lion-lit": 21.07, "lion-s": 18.16 },
};

/** Text: the next token is to be guessed, at lengths never trained on. */
export const causalLanguage: Recipe = {
  title: "Causal language modelling",
  about:
    "The models predict the next token of texts of the Brown corpus. Each " +
    "text is kept whole, in order, and in one part of the data. The table " +
    "lists the perplexity of held-out tokens at the length of training and " +
    "at 2, 4 and 8 times that length; for the longest also by position, " +
    "over the tokens between a position and the one named before it. LION " +
    "has no positions. Softmax attention has rotary positions, learned " +
    "ones (those beyond the length of training were never trained), or " +
    "ALiBi's slopes; its blocks are GPT-2's. `unigram` guesses by the " +
    "frequency of tokens, and `bigram` also by the token before.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_LOSS,
  plan: {
    quick: { steps: 1000, rates: [2.5e-3, 5e-3, 1e-2, 2e-2] },
    paper: { steps: 100_000, rates: [3e-4, 6e-4, 1.2e-3] },
  },
  published: {
    "OpenWebText, paper": {
      "softmax-learned": OPEN_WEB_TEXT.softmax,
      ...OPEN_WEB_TEXT.linear,
    },
  },
  async open(setting) {
    const { sizes, length, batchSize, held, every } = SETTINGS[setting];
    const { vocabularySize } = sizes;
    const corpus = await loadProseTokens({ vocabularySize, every });
    const { tokenizer } = corpus;
    const pack = (part: Part, length: number) =>
      packTokens(corpus[part], {
        // The labels are one token on.
        length: length + 1,
        separator: tokenizer.specials.sep,
      });
    const train = datasetOf(pack("train", length));
    const heldBatches = (part: Part, times: number) => {
      const sequences = pack(part, times * length);
      const few = Math.ceil(held / (times * length));
      return batchesInOrder(datasetOf(sequences.slice(0, few)), {
        batchSize: Math.max(1, 8 / times),
        collate: collateCausal(),
      });
    };
    const counts = countWords(corpus.train, tokenizer);
    const { unigram } = await guessNext(counts, heldBatches("validation", 1));
    return {
      floor: {
        guess: "token frequencies",
        loss: Math.log(unigram["perplexity"]!),
      },
      async baselines() {
        const found: Record<string, Figures> = { unigram: {}, bigram: {} };
        for (const times of LONGER) {
          const guesses = await guessNext(counts, heldBatches("test", times));
          for (const [name, { perplexity }] of Object.entries(guesses)) {
            found[name]![`perplexity at ${times * length}`] = perplexity!;
          }
        }
        return found;
      },
      trial({ contender: { options }, seed, steps, rate }) {
        const hasLearned = options.variant === "softmax" &&
          options.position === "none";
        const model = lionGpt({
          ...sizes,
          maxLength: hasLearned ? length * LONGER.at(-1)! : 0,
          ...options,
          seed,
        });
        return {
          model,
          data: shuffledBatches(train, {
            batchSize,
            seed,
            collate: collateCausal(),
          }),
          options: trainingOptions({ steps, rate, weightDecay: 0.01 }),
          validation: {
            data: () => heldBatches("validation", 1),
            metrics: { accuracy: accuracy() },
          },
          test: () =>
            nextFigures(
              model,
              LONGER.map((times) => ({
                length: times * length,
                batches: heldBatches("test", times),
                byPosition: times === LONGER.at(-1),
              })),
            ),
        };
      },
    };
  },
};
