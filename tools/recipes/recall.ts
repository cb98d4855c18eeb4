/** Tasks that ask for what stands elsewhere in the sequence. @module */
import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  type BatchStream,
  collateTokens,
  type Examples,
  type LabelledTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import { mqar } from "@lionjs/lion/datasets";
import { mqarBaselines } from "./tasks/guesses.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Contender,
  CONTENDERS,
  type Figures,
  type OpenRecipe,
  type Part,
  type Recipe,
  type Setting,
  trainingOptions,
  validated,
} from "./recipe.ts";
import { afterEachOther, inStages, inTurns } from "./streams.ts";
import {
  selectiveCopying,
  selectiveCopyingBaselines,
} from "./tasks/selective_copying.ts";

interface RecallSetting {
  readonly vocabularySize: number;
  /** Symbols that an answer may be. */
  readonly answers: number;
  readonly sizes: {
    dim: number;
    depth: number;
    numHeads: number;
    mlpRatio: number;
  };
  /** Tokens of a batch. */
  readonly batchTokens: number;
  /** Standard deviation of the first embeddings. */
  readonly embeddingStd: number;
  readonly weightDecay: number;
}

/** Data of one length. */
interface RecallTask {
  /** Of its accuracy; none for a task that is only a step towards the others. */
  readonly column?: string;
  readonly length: number;
  dataOf(part: Part): Examples<LabelledTokens>;
  /** Accuracies of what guesses. */
  guesses(test: Examples<LabelledTokens>): Figures;
}

/**
 * An encoder that answers at every token, for data of several lengths. The first
 * task is alone at first, and one more joins it in each stage, in turns.
 *
 * @param stages Steps of each stage; the last one goes on. A training that ends
 * before is validated on the tasks that it has seen: of others it can only guess.
 */
function openRecall(
  tasks: readonly RecallTask[],
  setting: RecallSetting,
  stages: readonly number[],
): OpenRecipe {
  const { vocabularySize, answers, sizes, batchTokens } = setting;
  const { embeddingStd, weightDecay } = setting;
  const held = ({ dataOf, length }: RecallTask, part: Part) =>
    batchesInOrder(dataOf(part), {
      batchSize: Math.ceil(2048 / length),
      collate: collateTokens(),
    });
  return {
    floor: { guess: "chance", loss: Math.log(answers) },
    baselines() {
      const found: Record<string, Figures> = {};
      for (const { column, dataOf, guesses } of tasks) {
        if (column === undefined) continue;
        for (
          const [name, accuracy] of Object.entries(guesses(dataOf("test")))
        ) {
          (found[name] ??= {})[column] = accuracy;
        }
      }
      return found;
    },
    trial({ contender: { options }, seed, steps, rate }) {
      const model = lionEncoder({
        ...sizes,
        vocabularySize,
        maxLength: Math.max(...tasks.map(({ length }) => length)),
        numClasses: vocabularySize,
        output: "tokens",
        embeddingStd,
        ...options,
        seed,
      });
      return {
        model,
        data: curriculum(
          tasks.map(({ dataOf, length }) =>
            shuffledBatches(dataOf("train"), {
              batchSize: Math.ceil(batchTokens / length),
              seed,
              collate: collateTokens(),
            })
          ),
          stages,
        ),
        options: trainingOptions({ steps, rate, weightDecay }),
        validation: validated(() =>
          afterEachOther(
            tasks.slice(0, stagesBegun(stages, steps))
              .map((task) => held(task, "validation")),
          )
        ),
        async test() {
          const figures: Figures = {};
          for (const task of tasks) {
            const { column } = task;
            if (column === undefined) continue;
            figures[column] = await accuracyOf(model, held(task, "test"));
          }
          return figures;
        },
      };
    },
  };
}

/** The first stream alone, then one more in each stage, in turns. */
function curriculum(
  streams: readonly BatchStream[],
  stages: readonly number[],
): BatchStream {
  return inStages(streams.map((_, i) => ({
    steps: stages[i]!,
    stream: inTurns(streams.slice(0, i + 1)),
  })));
}

/** How many stages a training of so many steps begins. */
function stagesBegun(stages: readonly number[], steps: number): number {
  let begun = 0;
  for (let left = steps; left > 0 && begun < stages.length; begun++) {
    left -= stages[begun]!;
  }
  return begun;
}

/** Of MQAR. */
interface MqarSetting extends RecallSetting {
  /** Of each task, and the steps of the stage that it begins. */
  readonly stages: Readonly<Record<number, number>>;
  readonly train: number;
  readonly held: number;
}

const QUICK_MQAR: MqarSetting = {
  vocabularySize: 66,
  answers: 33,
  stages: { 2: 640, 4: 640, 8: 960, 16: 960 },
  train: 100_000,
  held: 256,
  sizes: { dim: 64, depth: 2, numHeads: 2, mlpRatio: 2 },
  batchTokens: 1024,
  embeddingStd: 0.25,
  weightDecay: 0.01,
};

const MQAR: Record<Setting, MqarSetting> = {
  smoke: {
    ...QUICK_MQAR,
    stages: { 2: 1, 4: 1, 8: 1, 16: 1 },
    held: 16,
    batchTokens: 128,
  },
  quick: QUICK_MQAR,
  paper: {
    vocabularySize: 8192,
    answers: 4096,
    stages: { 2: 2400, 4: 2400, 8: 1800, 16: 1800, 32: 1800, 64: 1800 },
    train: 100_000,
    held: 1000,
    sizes: { dim: 128, depth: 2, numHeads: 2, mlpRatio: 4 },
    batchTokens: 32_768,
    embeddingStd: 0.25,
    weightDecay: 0.01,
  },
};

/** Two heads, or eight of a quarter of the columns. */
const HEADS: readonly Contender[] = [2, 8].flatMap((numHeads) =>
  CONTENDERS.map(({ name, options: { variant } }) => ({
    name: numHeads === 2 ? name : `${name}-${numHeads}-heads`,
    options: {
      ...variant ? { variant } : {},
      numHeads,
      ...variant === "softmax" ? {} : { featureMap: "relu" as const },
    },
  }))
);

/** Recall: which value came with a key? */
export const associativeRecall: Recipe = {
  title: "MQAR, associative recall",
  about:
    "A sequence lists some keys with their values; later each key appears " +
    "once more, and the model must give its value. Training starts with 2 " +
    "pairs in 8 tokens of a vocabulary of 66; 4 pairs in 16 tokens, 8 in " +
    "32 and 16 in 64 join them one after the other, in turns. In the " +
    "published setting (Zoology) there are up to 64 pairs of a vocabulary " +
    "of 8,192. Models have 64 columns, in two heads of 32 or in eight " +
    "heads of 8, whose states hold a quarter as much. LION's feature map " +
    "is ReLU. Positions are learned, and embeddings start with a standard " +
    "deviation of 0.25.",
  contenders: HEADS,
  reference: "softmax",
  measure: BY_ACCURACY,
  solvedFrom: 0.95,
  plan: {
    quick: {
      steps: 3200,
      rates: [2.5e-3, 5e-3, 1e-2],
      seeds: 10,
    },
    paper: { steps: 12_000, rates: [1e-3, 3e-3, 1e-2] },
  },
  open(setting) {
    const { stages, train, held, ...others } = MQAR[setting];
    const { vocabularySize } = others;
    const tasks = Object.keys(stages).map(Number).map((pairs): RecallTask => {
      const length = 4 * pairs;
      return {
        // All learn two, from which four are a small step.
        ...pairs > 2 ? { column: `accuracy at ${pairs} pairs` } : {},
        length,
        dataOf: (part) =>
          mqar({
            ...{ vocabularySize, length, pairs, part },
            size: part === "train" ? train : held,
          }),
        guesses: (test) => ({ ...mqarBaselines(test) }),
      };
    });
    return Promise.resolve(openRecall(tasks, others, Object.values(stages)));
  },
};

/** Of selective copying. */
interface CopyingSetting extends RecallSetting {
  readonly length: number;
  readonly symbols: number;
  readonly held: number;
}

const QUICK_COPYING: CopyingSetting = {
  vocabularySize: 16,
  answers: 14,
  length: 64,
  symbols: 8,
  held: 512,
  sizes: { dim: 64, depth: 2, numHeads: 2, mlpRatio: 2 },
  batchTokens: 1024,
  embeddingStd: 0.25,
  weightDecay: 0.01,
};

const COPYING: Record<Setting, CopyingSetting> = {
  smoke: { ...QUICK_COPYING, held: 16, batchTokens: 128 },
  quick: QUICK_COPYING,
  paper: {
    vocabularySize: 16,
    answers: 14,
    length: 256,
    symbols: 16,
    held: 1000,
    sizes: { dim: 128, depth: 2, numHeads: 4, mlpRatio: 4 },
    batchTokens: 32_768,
    embeddingStd: 0.25,
    weightDecay: 0.01,
  },
};

/** Recall: the symbols among blanks, in their order. */
export const copying: Recipe = {
  title: "Selective copying",
  about:
    "At the end of the sequence the model must repeat, in their order, the " +
    "symbols that it has seen among blanks: 8 symbols out of 14 kinds in " +
    "64 tokens in the quick setting, 16 in 256 tokens in the published one " +
    "(MAD). Positions are learned, and embeddings start with a standard " +
    "deviation of 0.25.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 2000, rates: [1e-3, 2e-3, 4e-3] },
    paper: { steps: 20_000, rates: [3e-4, 1e-3, 3e-3] },
  },
  open(setting) {
    const { length, symbols, held, ...others } = COPYING[setting];
    const { vocabularySize } = others;
    return Promise.resolve(openRecall(
      [{
        column: "accuracy",
        length,
        dataOf: (part) =>
          selectiveCopying({
            ...{ vocabularySize, length, symbols, part },
            size: part === "train" ? 100_000 : held,
          }),
        guesses: (test) => ({ ...selectiveCopyingBaselines(test) }),
      }],
      others,
      [1],
    ));
  },
};
