import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  collateTokens,
  datasetOf,
  type Examples,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  LIST_OPS_TOKENS,
  listOps,
  type ListOpsExample,
} from "@lionjs/lion/datasets";
import { listOpsBaselines } from "./tasks/guesses.ts";
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
import { ARENA_FIGURES } from "./arena_figures.ts";
import { LONG_RANGE } from "./long_range.ts";

const PAPER = {
  task: { maxDepth: 10, minLength: 500, maxLength: 2000 },
  train: 96_000,
  validation: 2000,
  test: 2000,
  sizes: { dim: 256, depth: 6, numHeads: 8, mlpRatio: 4 },
  batchSize: 32,
  /** Trees that say enough of their depth. */
  enough: 50,
};

/** Short trees, most of which small models can evaluate. */
const SHORT = {
  ...PAPER,
  task: { maxDepth: 5, minLength: 7, maxLength: 49 },
  train: 100_000,
  validation: 1000,
  test: 4000,
  sizes: { dim: 64, depth: 3, numHeads: 4, mlpRatio: 2 },
};

/** Trees of some hundred tokens. */
const LONG = {
  ...SHORT,
  task: { maxDepth: 6, minLength: 127, maxLength: 513 },
  validation: 500,
  test: 2000,
  batchSize: 16,
};

/** Of trees of a kind. */
const FEW = { validation: 16, test: 64, batchSize: 4, enough: 8 };

/** The examples by their depth, those with too few left out. */
function byDepth(
  examples: Examples<ListOpsExample>,
  enough: number,
): [column: string, examples: Examples<ListOpsExample>][] {
  const depths = new Map<number, ListOpsExample[]>();
  for (let i = 0; i < examples.size; i++) {
    const example = examples.get(i);
    depths.set(example.depth, [...depths.get(example.depth) ?? [], example]);
  }
  return [...depths].sort(([a], [b]) => a - b)
    .filter(([, some]) => some.length >= enough)
    .map(([depth, some]) => [`accuracy at depth ${depth}`, datasetOf(some)]);
}

/** Nested lists of operations. */
export const listOperations: Recipe = {
  title: "ListOps",
  about:
    "The model computes the value of nested lists of MIN, MAX, MED and SM. " +
    "The table lists its accuracy by the depth of the tree, which is 2 for " +
    "a list of digits and grows by one with each list inside. Trees have a " +
    "depth of 2 to 5 and 8 to 48 tokens in the quick setting, and a depth " +
    "of 10 and 501 to 1,999 tokens in the paper's (Long Range Arena). " +
    "Positions are learned, and embeddings start with a standard deviation " +
    "of 0.25. `rootOperation` guesses by the outermost operation alone.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 1800, rates: [5e-4, 1e-3, 2e-3, 4e-3] },
    paper: { steps: 120_000, rates: [3e-4, 1e-3, 3e-3] },
  },
  published: ARENA_FIGURES.listops,
  open: (setting) => openListOps(listsOf(SHORT, setting)),
};

/** Long range: trees of some hundred tokens. */
export const longListOperations: Recipe = {
  title: "ListOps, long",
  about:
    "This is ListOps with trees of 128 to 512 tokens and up to 6 levels in " +
    "the quick setting. Contenders named -random and -hippo have a decay " +
    "for each channel.",
  leftOut: "its nine contenders would take more than an hour",
  contenders: LONG_RANGE,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: {
      ...{ steps: 900, seeds: 3 },
      rates: [1e-3, 2e-3, 4e-3],
    },
    paper: listOperations.plan.paper,
  },
  published: ARENA_FIGURES.listops,
  open: (setting) => openListOps(listsOf(LONG, setting)),
};

/** In a setting, of those that the quick one has. */
function listsOf(quick: typeof PAPER, setting: Setting): typeof PAPER {
  if (setting === "paper") return PAPER;
  return setting === "smoke" ? { ...quick, ...FEW } : quick;
}

function openListOps(
  { task, sizes, batchSize, enough, ...counts }: typeof PAPER,
): Promise<OpenRecipe> {
  const dataOf = (part: Part) => listOps({ ...task, size: counts[part], part });
  const held = (examples: Examples<ListOpsExample>) =>
    batchesInOrder(examples, { batchSize: 50, collate: collateTokens() });
  return Promise.resolve({
    floor: { guess: "chance", loss: Math.log(10) },
    baselines() {
      const test = dataOf("test");
      const found: Record<string, Figures> = {};
      for (
        const [column, some] of [
          ["accuracy", test],
          ...byDepth(test, enough),
        ] as const
      ) {
        for (const [name, share] of Object.entries(listOpsBaselines(some))) {
          (found[name] ??= {})[column] = share;
        }
      }
      return found;
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
        validation: validated(() => held(dataOf("validation"))),
        async test() {
          const test = dataOf("test");
          const figures: Figures = {
            accuracy: await accuracyOf(model, held(test)),
          };
          for (const [column, some] of byDepth(test, enough)) {
            figures[column] = await accuracyOf(model, held(some));
          }
          return figures;
        },
      };
    },
  });
}
