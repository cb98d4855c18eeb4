import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  collateTokens,
  LIST_OPS_TOKENS,
  listOps,
  listOpsBaselines,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  accuracyOf,
  CONTENDERS,
  type Recipe,
  trainingOptions,
} from "./recipe.ts";

const SETTINGS = {
  quick: {
    task: { maxDepth: 5, minLength: 31, maxLength: 129 },
    train: 40_000,
    test: 2000,
    sizes: { dim: 64, depth: 2, numHeads: 4 },
    batchSize: 32,
    steps: 1000,
    learningRate: 3e-3,
  },
  paper: {
    task: { maxDepth: 10, minLength: 500, maxLength: 2000 },
    train: 96_000,
    test: 2000,
    sizes: { dim: 256, depth: 6, numHeads: 8 },
    batchSize: 32,
    steps: 120_000,
    learningRate: 1e-3,
  },
};

/** Long range: nested lists of operations. */
export const listOperations: Recipe = {
  title: "ListOps",
  about: "The value of nested lists of MIN, MAX, MED and SM. In the quick " +
    "setting trees of depth 5 and 32 to 128 tokens, in the paper's of depth " +
    "10 and 501 to 1999 tokens (Long Range Arena). `root operation` guesses by " +
    "the outermost operation alone.",
  contenders: CONTENDERS,
  percent: ["accuracy"],
  open(setting) {
    const { task, train, test, sizes, batchSize, steps, learningRate } =
      SETTINGS[setting];
    const held = listOps({ ...task, size: test, part: "test" });
    const { majority, rootOperation } = listOpsBaselines(held);
    return Promise.resolve({
      baselines: {
        majority: { accuracy: majority },
        "root operation": { accuracy: rootOperation },
      },
      trial({ contender: { variant }, seed }) {
        const model = lionEncoder({
          ...sizes,
          vocabularySize: LIST_OPS_TOKENS.length,
          maxLength: task.maxLength,
          numClasses: 10,
          variant,
          seed,
        });
        return {
          model,
          data: shuffledBatches(listOps({ ...task, size: train }), {
            batchSize,
            seed,
            collate: collateTokens(),
          }),
          options: trainingOptions({ steps, learningRate, weightDecay: 0.05 }),
          test: () =>
            accuracyOf(
              model,
              batchesInOrder(held, {
                batchSize: 50,
                collate: collateTokens(),
              }),
            ),
        };
      },
    });
  },
};
