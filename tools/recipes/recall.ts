/** Tasks that ask for what stands elsewhere in the sequence. @module */
import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  collateTokens,
  type Dataset,
  type LabelledTokens,
  mqar,
  mqarBaselines,
  selectiveCopying,
  selectiveCopyingBaselines,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  accuracyOf,
  BY_ACCURACY,
  CONTENDERS,
  type Figures,
  type OpenRecipe,
  type Part,
  type Recipe,
  type Setting,
  trainingOptions,
  validated,
} from "./recipe.ts";

interface RecallSetting {
  readonly vocabularySize: number;
  readonly length: number;
  readonly sizes: {
    dim: number;
    depth: number;
    numHeads: number;
    mlpRatio: number;
  };
  /** In the place of the variant's own. */
  readonly featureMap?: "relu";
  readonly batchSize: number;
}

/** An encoder that answers at every token, for data of one length. */
function openRecall(
  dataOf: (part: Part) => Dataset<LabelledTokens>,
  /** Symbols that an answer may be. */
  symbols: number,
  baselines: () => Record<string, Figures>,
  setting: RecallSetting,
): OpenRecipe {
  const { vocabularySize, length, sizes, featureMap, batchSize } = setting;
  const held = (part: Part) =>
    batchesInOrder(dataOf(part), { batchSize: 50, collate: collateTokens() });
  return {
    floor: { guess: "any symbol", loss: Math.log(symbols) },
    baselines,
    trial({ contender: { options }, seed, steps, rate }) {
      const model = lionEncoder({
        ...sizes,
        vocabularySize,
        maxLength: length,
        numClasses: vocabularySize,
        output: "tokens",
        embeddingStd: 0.25,
        ...(featureMap && options.variant !== "softmax" ? { featureMap } : {}),
        ...options,
        seed,
      });
      return {
        model,
        data: shuffledBatches(dataOf("train"), {
          batchSize,
          seed,
          collate: collateTokens(),
        }),
        options: trainingOptions({ steps, rate, weightDecay: 0.01 }),
        validation: validated(() => held("validation")),
        test: async () => ({ accuracy: await accuracyOf(model, held("test")) }),
      };
    },
  };
}

const MQAR: Record<Setting, RecallSetting & { pairs: number; train: number }> =
  {
    quick: {
      vocabularySize: 32,
      length: 16,
      pairs: 4,
      train: 100_000,
      sizes: { dim: 64, depth: 2, numHeads: 2, mlpRatio: 2 },
      featureMap: "relu",
      batchSize: 64,
    },
    paper: {
      vocabularySize: 8192,
      length: 64,
      pairs: 4,
      train: 100_000,
      sizes: { dim: 128, depth: 2, numHeads: 2, mlpRatio: 4 },
      featureMap: "relu",
      batchSize: 512,
    },
  };

/** Recall: which value came with a key? */
export const associativeRecall: Recipe = {
  title: "MQAR, associative recall",
  about: "4 keys and their values, and later each key once more, where its " +
    "value is asked for: 16 tokens of a vocabulary of 32 in the quick setting, " +
    "64 of 8,192 in the published one (Zoology). LION with ReLU as its feature " +
    "map; embeddings begin with a standard deviation of 0.25.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 3000, rates: [1e-3, 2e-3, 4e-3] },
    paper: { steps: 12_000, rates: [1e-3, 3e-3, 1e-2] },
  },
  open(setting) {
    const { pairs, train, ...others } = MQAR[setting];
    const { vocabularySize, length } = others;
    const dataOf = (part: Part) =>
      mqar({
        ...{ vocabularySize, length, pairs, part },
        size: part === "train" ? train : 1000,
      });
    const baselines = () =>
      Object.fromEntries(
        Object.entries(mqarBaselines(dataOf("test")))
          .map(([name, accuracy]) => [name, { accuracy }]),
      );
    return Promise.resolve(
      openRecall(dataOf, vocabularySize / 2, baselines, others),
    );
  },
};

const COPYING: Record<Setting, RecallSetting & { symbols: number }> = {
  quick: {
    vocabularySize: 16,
    length: 32,
    symbols: 4,
    sizes: { dim: 64, depth: 2, numHeads: 2, mlpRatio: 2 },
    batchSize: 32,
  },
  paper: {
    vocabularySize: 16,
    length: 256,
    symbols: 16,
    sizes: { dim: 128, depth: 2, numHeads: 4, mlpRatio: 4 },
    batchSize: 128,
  },
};

/** Recall: the symbols among blanks, in their order. */
export const copying: Recipe = {
  title: "Selective copying",
  about: "Symbols among blanks are asked for, in their order, at the end of " +
    "the sequence: 4 of 14 in 32 tokens in the quick setting, 16 in 256 in the " +
    "published one (MAD).",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 2000, rates: [1e-3, 2e-3, 4e-3] },
    paper: { steps: 20_000, rates: [3e-4, 1e-3, 3e-3] },
  },
  open(setting) {
    const { symbols, ...others } = COPYING[setting];
    const { vocabularySize, length } = others;
    const dataOf = (part: Part) =>
      selectiveCopying({
        ...{ vocabularySize, length, symbols, part },
        size: part === "train" ? 100_000 : 1000,
      });
    const baselines = () => {
      const { majority } = selectiveCopyingBaselines(dataOf("test"));
      return { majority: { accuracy: majority } };
    };
    return Promise.resolve(
      openRecall(dataOf, vocabularySize - 2, baselines, others),
    );
  },
};
