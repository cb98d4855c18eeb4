import {
  batchesInOrder,
  collateTexts,
  shuffledBatches,
  type Tokenizer,
} from "@lionjs/lion/data";
import {
  glue,
  GLUE_TASKS,
  type GluePart,
  type GlueTask,
} from "@lionjs/lion/datasets";
import { fromPretrained } from "@lionjs/lion/hub";
import type { LoadPyTorchWeightsOptions } from "@lionjs/lion/io";
import {
  crossEntropy,
  evaluate,
  glueMetrics,
  meanSquaredError,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { GLUE_AVERAGE } from "../classify.ts";
import {
  hasKeptWeights,
  keepWeights,
  loadKeptWeights,
} from "../kept_weights.ts";
import {
  CannotBegin,
  type Folders,
  type NeededFiles,
} from "../needed_files.ts";
import type {
  Contender,
  Figures,
  OpenRecipe,
  Trial,
  TrialChoice,
} from "../recipe.ts";
import { bertOptimizer } from "./bert_optimizer.ts";
import {
  BERT_SIZES,
  bertOfSize,
  type BertSize,
  C4_CONTENDERS,
  c4MaskedLanguage,
} from "./c4_masked_language.ts";
import { writeFewGlue } from "./few_texts.ts";
import { guessWithoutTexts, metricsOf } from "./glue_scores.ts";
import {
  AFTER_MNLI,
  GLUE_SETTINGS,
  type GlueSetting,
  type GlueSettings,
  M2_SETTINGS,
} from "./glue_settings.ts";
import {
  FEW,
  firstExamples,
  type PaperRecipe,
  paperRecipe,
  type PaperSetting,
  partOfBatch,
  remarksOn,
  variantName,
} from "./paper_recipe.ts";
import {
  BERT_TOKENIZER,
  embeddedTokens,
  readTokenizer,
} from "./tokenizer_file.ts";

/** Tokens of a text or a pair, few in the smoke setting. */
const LENGTH = { paper: 128, smoke: 24 };

/** Examples of a batch that is not trained on. */
const HELD_BATCH = 32;

/** The batch of the smoke setting. */
const SMOKE = { part: 2, accumulate: 2 };

/** In the order in which they are trained: others go on from MNLI's models. */
const TASKS: readonly GlueTask[] = [
  ...["mnli", "cola", "sst2", "qqp", "qnli", "mrpc", "stsb", "rte"] as const,
];

const GLUE_FILES: NeededFiles = {
  lookedFor: [
    "CoLA/, SST-2/, MRPC/, QQP/, STS-B/, MNLI/, QNLI/ and RTE/, with train.tsv and dev.tsv",
    "or cola/, sst2/, … with train-00000-of-00001.parquet and so on, as the hub has them",
    "tokenizer.json of google-bert/bert-base-uncased",
  ],
  commands: [
    "hf download nyu-mll/glue --repo-type dataset --local-dir FOLDER",
    "hf download google-bert/bert-base-uncased tokenizer.json --local-dir FOLDER",
  ],
  hub: {
    data: { repo: "nyu-mll/glue", include: ["*/*.parquet"] },
    tokenizer: BERT_TOKENIZER,
  },
  writeFew: writeFewGlue,
};

const NOTES = [
  "`glue` uses the numbers in the authors' files, with a rate of 1e-5 " +
  "for all tasks, and `glue-m2` the defaults of their code, M2-BERT's. " +
  "The paper's table differs for M2-BERT: a rate of 8e-5 for CoLA and " +
  "STS-B, and a weight decay of 8e-5 for MRPC.",
  "Test labels are not public: as in the paper, all figures are for the " +
  "validation parts, on which nothing is chosen.",
  "Examples are shuffled; the authors' code reads them in the order of the file.",
  "There is no dropout between the pooled token and the classifier.",
];

/** What is tuned, and how. */
interface Tuning {
  /** The name of the recipe. */
  readonly recipe: string;
  readonly task: GlueTask;
  readonly size: BertSize;
  /** The model that is given: a folder, or a repository of the hub. */
  readonly from: string | undefined;
  readonly setting: GlueSetting;
  /** Examples of each part of a batch. */
  readonly part: number;
  readonly accumulate: number;
}

const VARIANTS = { sizes: BERT_SIZES, tasks: TASKS };

/** Tuning on GLUE's tasks as the paper's models were, with a rate of 1e-5. */
export const glueTuning: PaperRecipe = tuningBy("glue", GLUE_SETTINGS);

/** Tuning on GLUE's tasks by M2-BERT's numbers. */
export const glueTuningByM2: PaperRecipe = tuningBy("glue-m2", M2_SETTINGS);

function tuningBy(recipe: string, settings: GlueSettings): PaperRecipe {
  return {
    ...VARIANTS,
    takes: ["from"],
    of({ size: name = "base", task: chosen = TASKS[0]!, from, ...batches }) {
      const task = chosen as GlueTask, size = name as BertSize;
      const setting = settings[task];
      const { batchSize = setting.batchSize, accumulate = 1 } = batches;
      const part = partOfBatch(batchSize, accumulate);
      const contenders = from === undefined ? C4_CONTENDERS : [givenBy(from)];
      const { folder, sizes } = GLUE_TASKS[task];
      return paperRecipe({
        title: `GLUE's ${folder}, ${size}`,
        about:
          "The models that `c4-mlm` trained, or the one given, fine-tuned to " +
          "classify a text by the first of its 128 tokens" +
          (AFTER_MNLI.includes(task) ? ", after MNLI. " : ". ") +
          "The table has the metrics that the paper reports, and then GLUE's " +
          "others. `majority` always guesses the most frequent class.",
        ...{ notes: NOTES, files: GLUE_FILES, contenders },
        reference: contenders[0]!.name,
        measure: { name: metricsOf(task)[0]!, best: "highest", plateau: 0.005 },
        published: { [`GLUE average (${size}), paper`]: GLUE_AVERAGE[size] },
        plan: {
          steps: setting.epochs * Math.ceil(sizes.train! / batchSize),
          ...{ rate: setting.rate, seeds: setting.seeds },
        },
        open: (mode, folders) =>
          openGlue(
            { recipe, task, size, from, setting, part, accumulate },
            mode,
            folders,
          ),
      });
    },
  };
}

/** A model that is given, by its last name. */
function givenBy(from: string): Contender {
  const name = from.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
  return { name: name.replace(/[^\w.-]+/g, "-"), options: {} };
}

async function openGlue(
  tuning: Tuning,
  mode: PaperSetting,
  folders: Folders,
): Promise<OpenRecipe> {
  const { task } = tuning;
  const { parts, sizes, classes } = GLUE_TASKS[task];
  const read = (part: GluePart) => glue(task, folders.data, { part });
  const train = await read("train");
  const heldParts = parts.filter((part) => part.startsWith("validation"));
  const held = await Promise.all(heldParts.map(read));
  const guesses = held.map((examples) =>
    guessWithoutTexts(task, train, examples)
  );
  const isScore = classes === undefined;
  const loss = isScore ? meanSquaredError() : crossEntropy();
  const metrics = glueMetrics(task);
  return {
    remarks: mode === "smoke" ? [] : remarksOn([
      ["examples to train on", train.size, sizes.train!],
      ...held.map(({ size }, i): [string, number, number] => [
        `examples in ${heldParts[i]}`,
        size,
        sizes[heldParts[i]!]!,
      ]),
    ]),
    floor: {
      guess: isScore ? "the mean" : "class shares",
      loss: guesses[0]!.loss,
    },
    baselines: (): Record<string, Figures> =>
      isScore ? {} : {
        majority: Object.assign(
          {},
          ...guesses.map(({ scores }, i) =>
            figuresOf(task, scores, heldParts[i]!)
          ),
        ),
      },
    async trial(choice): Promise<Trial> {
      const { steps, rate, seed } = choice;
      const most = mode === "smoke" ? FEW : Infinity;
      const { model, tokenizer } = await modelOf(tuning, mode, folders, choice);
      const collate = collateTexts({
        ...{ tokenizer, length: LENGTH[mode], text: "texts" },
        tokenTypes: model.inputs.length > 2,
        regression: isScore,
      });
      const batches = (examples: typeof train) =>
        batchesInOrder(firstExamples(examples, most), {
          batchSize: HELD_BATCH,
          collate,
        });
      const { part, accumulate } = mode === "smoke" ? SMOKE : tuning;
      return {
        model,
        data: shuffledBatches(train, {
          batchSize: part,
          ...{ seed, collate },
        }),
        options: {
          loss,
          optimizer: bertOptimizer({
            ...{ ...tuning.setting, steps, rate, accumulate },
          }),
        },
        begin: () => goOn(model, tuning, choice, mode),
        validation: { data: () => batches(held[0]!), metrics },
        validationBatches: Math.ceil(
          Math.min(most, held[0]!.size) / HELD_BATCH,
        ),
        async test() {
          const figures: Figures = {};
          for (const [i, examples] of held.entries()) {
            const scores = await evaluate(model, batches(examples), {
              ...{ loss, metrics },
            });
            Object.assign(figures, figuresOf(task, scores, heldParts[i]!));
          }
          return figures;
        },
        keep: (folder) => keepWeights(model, folder),
      };
    },
  };
}

/**
 * What is reported of a part: MNLI has one that is matched, and one that is not.
 * Scores that are no shares are multiplied by 100, as in GLUE's tables.
 */
function figuresOf(task: GlueTask, scores: Figures, part: GluePart): Figures {
  const [, kind] = part.split("_");
  return Object.fromEntries(
    metricsOf(task).map((name) => {
      const [column, scale] = name === "accuracy"
        ? [name, 1]
        : [`${name} × 100`, 100];
      return [kind ? `${column}, ${kind}` : column, scale * scores[name]!];
    }),
  );
}

/** A model with a head for the task, which starts anew, and the model's tokenizer. */
async function modelOf(
  { task, size, from }: Tuning,
  mode: PaperSetting,
  folders: Folders,
  { contender, seed }: TrialChoice,
): Promise<{ model: LayersModel; tokenizer: Tokenizer }> {
  const head = {
    head: "classification",
    numClasses: GLUE_TASKS[task].classes?.length ?? 1,
  } as const;
  if (from !== undefined) {
    const { model, tokenizer } = await fromPretrained(from, { ...head, seed })
      .catch((cause: Error) => {
        throw new CannotBegin(`--from ${from}: ${cause.message}`, { cause });
      });
    return {
      model,
      tokenizer: tokenizer ?? await readTokenizer(folders.tokenizer),
    };
  }
  const tokenizer = await readTokenizer(folders.tokenizer);
  const vocabularySize = embeddedTokens(tokenizer, "bert", mode, folders);
  const options = { ...head, vocabularySize, seed };
  return {
    model: bertOfSize(size, mode, contender.options, options),
    tokenizer,
  };
}

/**
 * Brings a model to where `c4-mlm` or MNLI has left it; in the smoke setting, one
 * that none has left begins anew.
 *
 * @throws {Error} If there is none; the message names the recipe to run first.
 */
export async function goOn(
  model: LayersModel,
  { recipe, task, size, from }: Pick<
    Tuning,
    "recipe" | "task" | "size" | "from"
  >,
  { contender, folderOf }: Pick<TrialChoice, "contender" | "folderOf">,
  mode: PaperSetting,
): Promise<void> {
  const load = async (
    name: string,
    command: string,
    skipped: LoadPyTorchWeightsOptions,
  ) => {
    const folder = folderOf(name, contender.name, 1);
    if (mode === "smoke" && !await hasKeptWeights(folder)) return;
    await loadKeptWeights(model, `${command} --size ${size}`, folder, skipped);
  };
  if (AFTER_MNLI.includes(task)) {
    const mnli = variantName(recipe, VARIANTS, { task: "mnli", size });
    // The tasks have other classes.
    const head = ["classifier"];
    const skipped = { allowMissing: head, ignore: head };
    return await load(mnli, `${recipe} --task mnli`, skipped);
  }
  if (from !== undefined) return;
  const mlm = variantName("c4-mlm", c4MaskedLanguage, { size });
  const skipped = {
    allowMissing: ["bert.pooler", "classifier"],
    ignore: "cls",
  };
  await load(mlm, "c4-mlm", skipped);
}
