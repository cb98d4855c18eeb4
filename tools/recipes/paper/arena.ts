/** Long Range Arena as the paper trains on it: what its six tasks have in common. @module */
import type { Dataset } from "@lionjs/lion/data";
import type { LongRangeArenaTask } from "@lionjs/lion/datasets";
import { crossEntropy, warmUpCosine } from "@lionjs/lion/training";
import { ARENA_FIGURES } from "../arena_figures.ts";
import {
  LONG_RANGE,
  LONG_RANGE_HEADS,
  LONG_RANGE_PARTS,
} from "../long_range.ts";
import type { NeededFiles } from "../needed_files.ts";
import {
  BY_ACCURACY,
  type Comparison,
  type Part,
  type Recipe,
  type Trial,
} from "../recipe.ts";
import {
  type EncoderSizes,
  openSequences,
  type SequenceTask,
} from "../sequences.ts";
import {
  firstExamples,
  type PaperRecipe,
  paperRecipe,
  type PaperSetting,
  partOfBatch,
  remarksOn,
} from "./paper_recipe.ts";

/** What S5's scripts say of a task. */
interface ArenaNumbers {
  readonly dim: number;
  readonly depth: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly weightDecay: number;
  readonly dropout: number;
  /** Examples to train on, as published. */
  readonly examples: number;
}

/** Sizes and numbers of S5, which the paper takes: its `run_lra_*.sh`. */
export const ARENA: Readonly<Record<LongRangeArenaTask, ArenaNumbers>> = {
  listops: {
    ...{ dim: 128, depth: 8, batchSize: 50, epochs: 40 },
    ...{ weightDecay: 0.04, dropout: 0, examples: 96_000 },
  },
  text: {
    ...{ dim: 256, depth: 6, batchSize: 50, epochs: 35 },
    ...{ weightDecay: 0.07, dropout: 0.1, examples: 25_000 },
  },
  retrieval: {
    ...{ dim: 128, depth: 6, batchSize: 32, epochs: 20 },
    ...{ weightDecay: 0.05, dropout: 0, examples: 147_086 },
  },
  image: {
    ...{ dim: 512, depth: 6, batchSize: 50, epochs: 250 },
    ...{ weightDecay: 0.07, dropout: 0.1, examples: 45_000 },
  },
  pathfinder: {
    ...{ dim: 192, depth: 6, batchSize: 64, epochs: 200 },
    ...{ weightDecay: 0.03, dropout: 0.05, examples: 160_000 },
  },
  pathx: {
    ...{ dim: 128, depth: 6, batchSize: 32, epochs: 75 },
    ...{ weightDecay: 0.06, dropout: 0, examples: 160_000 },
  },
};

/** The paper's. */
const RATE = 5e-4;

/** As S5's. */
const WARM_UP_EPOCHS = 1;

const TINY: EncoderSizes = {
  ...{ dim: 16, depth: 2, numHeads: LONG_RANGE_HEADS.quick, mlpRatio: 2 },
};

const TINY_BATCH = 2;

/** Looks at validation data in a training, after which curves are drawn. */
const VALIDATIONS = 25;

/** Those of the paper's table: with a decay for each head, and for each channel. */
const CONTENDERS = LONG_RANGE.filter(({ name }) =>
  name !== "hydra" && !name.endsWith("-random")
);

/** The contender that others are compared with; softmax, where it takes part. */
const REFERENCES = ["softmax", "lion-s-hippo"];

/** The task that has the paper's table, and the one that leaves parts of LION-S out. */
const [MODELS, PARTS] = ["models", "parts"] as const;

const NOTES: readonly string[] = [
  "The paper uses AdamW at a rate of 5e-4 with a cosine, and S5's sizes. " +
  "Weight decay, dropout, batch, epochs and a warm-up of one epoch come " +
  "from S5's scripts; their rates and batch normalisation are not used. " +
  "Eight heads, and perceptrons with twice the columns, are this " +
  "library's choice.",
  "The paper's decays of channels are e^(σ(A) + B) and e^B, which may " +
  "exceed 1; these are sigmoids that begin with HiPPO's. Weights of " +
  "queries, keys and gates start as everywhere in this library; the " +
  "paper draws them with a deviation of 0.1.",
];

/** Of the table of models. */
const MODELS_NOTE =
  "Rows without HiPPO have a decay for each head. The paper's Transformer is the " +
  "arena's, without rotary positions.";

/** Of the table of parts. */
const PARTS_NOTE =
  "The paper's figures are means of all six tasks. Its row with a " +
  "softplus gate (50.26) is left out: e^-softplus is a sigmoid, as the " +
  "gates here already are.";

/** How one of its tasks is opened. */
export interface ArenaRecipe extends Pick<Recipe, "title" | "about" | "notes"> {
  readonly files: NeededFiles;
  /** Contenders that do not take part. @default none */
  readonly without?: readonly string[];
  /** The task's sequences, and the number of those to train on. */
  open(
    folder: string,
    setting: PaperSetting,
  ): Promise<SequenceTask & { readonly examples: number }>;
}

/** The recipe of a task, in S5's size. */
export function arenaRecipe(
  task: LongRangeArenaTask,
  { title, about, notes = [], files, without = [], open }: ArenaRecipe,
): PaperRecipe {
  const { epochs, examples, weightDecay, ...published } = ARENA[task];
  const { dim, depth, dropout } = published;
  const takesPart = (name: string) => !without.includes(name);
  const comparisons: Readonly<
    Record<string, Comparison & Pick<Recipe, "notes">>
  > = {
    [MODELS]: {
      notes: [...NOTES, MODELS_NOTE, ...notes],
      ...{ title, about, published: ARENA_FIGURES[task] },
      contenders: CONTENDERS.filter(({ name }) => takesPart(name)),
      reference: REFERENCES.find(takesPart)!,
    },
    [PARTS]: {
      ...LONG_RANGE_PARTS,
      notes: [...NOTES, PARTS_NOTE, ...notes],
      title: `${title}: parts of LION-S`,
      about:
        `${about} All models but one have a decay for each channel; most ` +
        `begin with HiPPO's. ${LONG_RANGE_PARTS.about}`,
    },
  };
  return {
    tasks: Object.keys(comparisons),
    usualTask: MODELS,
    of({ task: compared = MODELS, ...choice }) {
      const { batchSize = published.batchSize, accumulate = 1 } = choice;
      const part = partOfBatch(batchSize, accumulate);
      return paperRecipe({
        ...comparisons[compared]!,
        files,
        measure: BY_ACCURACY,
        plan: {
          steps: epochs * Math.floor(examples / batchSize),
          rate: RATE,
          validations: VALIDATIONS,
        },
        async open(setting, { data }) {
          const found = await open(data, setting);
          const isSmoke = setting === "smoke";
          const numHeads = LONG_RANGE_HEADS.paper;
          const sizes = { dim, depth, dropout, numHeads, mlpRatio: 2 };
          return {
            ...openSequences(found, {
              sizes: isSmoke ? TINY : sizes,
              batchSize: isSmoke ? TINY_BATCH : part,
              options: (choice) =>
                arenaOptions({ ...choice, epochs, weightDecay, accumulate }),
            }),
            remarks: isSmoke ? [] : remarksOn([
              ["examples to train on", found.examples, examples],
            ]),
          };
        },
      });
    },
  };
}

/** Examples to see that models can be tested. */
const FEW = 8;

/** The examples of all parts; a few to look at and to test on in the smoke setting. */
export async function arenaParts<E>(
  setting: PaperSetting,
  read: (part: Part) => Promise<Dataset<E>>,
): Promise<Record<Part, Dataset<E>>> {
  const held = async (part: Part) => {
    const examples = await read(part);
    return setting === "smoke" ? firstExamples(examples, FEW) : examples;
  };
  return {
    train: await read("train"),
    validation: await held("validation"),
    test: await held("test"),
  };
}

/** AdamW with a warm-up of an epoch and a cosine. */
export function arenaOptions(
  { steps, rate, epochs, weightDecay, accumulate }: {
    readonly steps: number;
    readonly rate: number;
    readonly epochs: number;
    readonly weightDecay: number;
    readonly accumulate: number;
  },
): Trial["options"] {
  const warmUpSteps = Math.floor(WARM_UP_EPOCHS * steps / epochs);
  return {
    loss: crossEntropy(),
    optimizer: {
      learningRate: warmUpCosine({ learningRate: rate, warmUpSteps, steps }),
      clipNorm: Infinity,
      ...{ weightDecay, accumulate },
    },
  };
}
