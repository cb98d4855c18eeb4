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
  CONTENDERS,
  type Figures,
  type OpenRecipe,
  type Recipe,
  type Setting,
  trainingOptions,
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
  readonly steps: number;
  readonly learningRate: number;
}

/** An encoder that answers at every token, for data of one length. */
function openRecall(
  train: Dataset<LabelledTokens>,
  test: Dataset<LabelledTokens>,
  baselines: Record<string, Figures>,
  setting: RecallSetting,
): OpenRecipe {
  const { vocabularySize, length, sizes, featureMap } = setting;
  const { batchSize, steps, learningRate } = setting;
  return {
    baselines,
    trial({ contender: { variant }, seed }) {
      const model = lionEncoder({
        ...sizes,
        vocabularySize,
        maxLength: length,
        numClasses: vocabularySize,
        output: "tokens",
        ...(featureMap ? { featureMap } : {}),
        variant,
        seed,
      });
      return {
        model,
        data: shuffledBatches(train, {
          batchSize,
          seed,
          collate: collateTokens(),
        }),
        options: trainingOptions({ steps, learningRate, weightDecay: 0.01 }),
        test: () =>
          accuracyOf(
            model,
            batchesInOrder(test, { batchSize: 50, collate: collateTokens() }),
          ),
      };
    },
  };
}

const MQAR: Record<
  Setting,
  RecallSetting & { pairs: number; train: number }
> = {
  quick: {
    vocabularySize: 32,
    length: 16,
    pairs: 4,
    train: 100_000,
    sizes: { dim: 64, depth: 2, numHeads: 2, mlpRatio: 2 },
    featureMap: "relu",
    batchSize: 64,
    steps: 4000,
    learningRate: 3e-3,
  },
  paper: {
    vocabularySize: 8192,
    length: 64,
    pairs: 4,
    train: 100_000,
    sizes: { dim: 128, depth: 2, numHeads: 2, mlpRatio: 4 },
    featureMap: "relu",
    batchSize: 512,
    steps: 12_000,
    learningRate: 3e-3,
  },
};

/** Recall: which value came with a key? */
export const associativeRecall: Recipe = {
  title: "MQAR, associative recall",
  about: "4 keys and their values, and later each key once more, where its " +
    "value is asked for: 16 tokens of a vocabulary of 32 in the quick setting, " +
    "64 of 8,192 in the published one (Zoology). LION with ReLU as its feature " +
    "map.",
  contenders: CONTENDERS,
  percent: ["accuracy"],
  open(setting) {
    const { pairs, train, ...others } = MQAR[setting];
    const { vocabularySize, length } = others;
    const task = { vocabularySize, length, pairs };
    const test = mqar({ ...task, size: 1000, part: "test" });
    const baselines = Object.entries(mqarBaselines(test)).map((
      [name, accuracy],
    ) => [name, { accuracy }]);
    return Promise.resolve(
      openRecall(
        mqar({ ...task, size: train }),
        test,
        Object.fromEntries(baselines),
        others,
      ),
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
    steps: 2000,
    learningRate: 3e-3,
  },
  paper: {
    vocabularySize: 16,
    length: 256,
    symbols: 16,
    sizes: { dim: 128, depth: 2, numHeads: 4, mlpRatio: 4 },
    batchSize: 128,
    steps: 20_000,
    learningRate: 1e-3,
  },
};

/** Recall: the symbols among blanks, in their order. */
export const copying: Recipe = {
  title: "Selective copying",
  about: "Symbols among blanks are asked for, in their order, at the end of " +
    "the sequence: 4 of 14 in 32 tokens in the quick setting, 16 in 256 in the " +
    "published one (MAD).",
  contenders: CONTENDERS,
  percent: ["accuracy"],
  open(setting) {
    const { symbols, ...others } = COPYING[setting];
    const { vocabularySize, length } = others;
    const task = { vocabularySize, length, symbols };
    const test = selectiveCopying({ ...task, size: 1000, part: "test" });
    const { majority } = selectiveCopyingBaselines(test);
    return Promise.resolve(
      openRecall(
        selectiveCopying({ ...task, size: 100_000 }),
        test,
        { majority: { accuracy: majority } },
        others,
      ),
    );
  },
};
