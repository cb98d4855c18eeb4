import { lionGpt } from "@lionjs/lion";
import {
  batchesInOrder,
  collateCausal,
  datasetOf,
  packTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import { crossEntropy, evaluate, perplexity } from "@lionjs/lion/training";
import { loadCorpus } from "./corpus.ts";
import {
  CONTENDERS,
  type Figures,
  type Recipe,
  trainingOptions,
} from "./recipe.ts";

const SETTINGS = {
  quick: {
    sizes: { vocabularySize: 512, dim: 64, depth: 2, numHeads: 4 },
    length: 128,
    batchSize: 12,
    steps: 1000,
    learningRate: 5e-3,
    tested: 24_576,
  },
  paper: {
    sizes: { vocabularySize: 50_257, dim: 768, depth: 12, numHeads: 12 },
    length: 1024,
    batchSize: 512,
    steps: 100_000,
    learningRate: 6e-4,
    tested: 1_048_576,
  },
};

/** Beyond the length of training, as in the paper's figure 5. */
const LONGER = [1, 2, 4, 8];

/** Text: the next token is to be guessed, at lengths never trained on. */
export const causalLanguage: Recipe = {
  title: "Causal language modelling",
  about: "The same sentences, packed; perplexity of held-out tokens at the " +
    "length of training and at 2, 4 and 8 times that. LION has no positions; " +
    "softmax attention has position embeddings, of which those beyond the " +
    "training length were never trained (GPT-2's blocks).",
  contenders: CONTENDERS,
  percent: [],
  async open(setting) {
    const { sizes, length, batchSize, steps, learningRate, tested } =
      SETTINGS[setting];
    const { tokenizer, train, test } = await loadCorpus(sizes.vocabularySize);
    const pack = (documents: number[][], length: number) =>
      datasetOf(packTokens(documents, {
        // The labels are one token on.
        length: length + 1,
        separator: tokenizer.specials.sep,
      }));
    return {
      baselines: {},
      trial({ contender: { variant }, seed }) {
        const model = lionGpt({
          ...sizes,
          variant,
          maxLength: variant === "softmax" ? length * LONGER.at(-1)! : 0,
          seed,
        });
        return {
          model,
          data: shuffledBatches(pack(train, length), {
            batchSize,
            seed,
            collate: collateCausal(),
          }),
          options: trainingOptions({ steps, learningRate, weightDecay: 0.01 }),
          async test() {
            const figures: Figures = {};
            for (const times of LONGER) {
              const sequences = pack(test, times * length);
              const few = Math.ceil(tested / (times * length));
              const some = datasetOf(
                Array.from(
                  { length: Math.min(few, sequences.size) },
                  (_, i) => sequences.get(i),
                ),
              );
              const { loss } = await evaluate(
                model,
                batchesInOrder(some, {
                  batchSize: Math.max(1, 8 / times),
                  collate: collateCausal(),
                }),
                { loss: crossEntropy() },
              );
              figures[`perplexity at ${times * length}`] = perplexity(loss!);
            }
            return figures;
          },
        };
      },
    };
  },
};
