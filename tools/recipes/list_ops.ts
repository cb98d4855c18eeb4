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
  BY_ACCURACY,
  CONTENDERS,
  type Part,
  type Recipe,
  trainingOptions,
  validated,
} from "./recipe.ts";

const SETTINGS = {
  quick: {
    task: { maxDepth: 5, minLength: 31, maxLength: 129 },
    train: 40_000,
    held: 2000,
    sizes: { dim: 64, depth: 3, numHeads: 4 },
    batchSize: 32,
  },
  paper: {
    task: { maxDepth: 10, minLength: 500, maxLength: 2000 },
    train: 96_000,
    held: 2000,
    sizes: { dim: 256, depth: 6, numHeads: 8 },
    batchSize: 32,
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
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 1000, rates: [1e-3, 2e-3, 4e-3] },
    paper: { steps: 120_000, rates: [3e-4, 1e-3, 3e-3] },
  },
  open(setting) {
    const { task, train, held, sizes, batchSize } = SETTINGS[setting];
    const dataOf = (part: Part) =>
      listOps({ ...task, size: part === "train" ? train : held, part });
    const heldBatches = (part: Part) =>
      batchesInOrder(dataOf(part), { batchSize: 50, collate: collateTokens() });
    return Promise.resolve({
      floor: { guess: "any digit", loss: Math.log(10) },
      baselines() {
        const { majority, rootOperation } = listOpsBaselines(dataOf("test"));
        return {
          majority: { accuracy: majority },
          "root operation": { accuracy: rootOperation },
        };
      },
      trial({ contender: { options }, seed, steps, rate }) {
        const model = lionEncoder({
          ...sizes,
          vocabularySize: LIST_OPS_TOKENS.length,
          maxLength: task.maxLength,
          numClasses: 10,
          embeddingStd: 0.25,
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
          options: trainingOptions({ steps, rate, weightDecay: 0.05 }),
          validation: validated(() => heldBatches("validation")),
          test: async () => ({
            accuracy: await accuracyOf(model, heldBatches("test")),
          }),
        };
      },
    });
  },
};
