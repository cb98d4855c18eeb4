import {
  BERT_PRESETS,
  HYDRA_PRESETS,
  lionBert,
  type LionBertOptions,
} from "@lionjs/lion";
import { streamedBatches } from "@lionjs/lion/data";
import { c4 } from "@lionjs/lion/datasets";
import { crossEntropy, perplexity } from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { createHash } from "node:crypto";
import { outPath } from "../../out_folder.ts";
import {
  figuresAt,
  HELD_RATE,
  hiddenFigures,
  TRAINING_RATE,
} from "../hidden_tokens.ts";
import { keepWeights } from "../kept_weights.ts";
import {
  BERT_CONTENDERS,
  C4_ACCURACY,
  WITH_POSITIONS,
} from "../masked_language.ts";
import type { NeededFiles } from "../needed_files.ts";
import {
  BY_LOSS,
  type Contender,
  type ContenderOptions,
  type Published,
  validated,
} from "../recipe.ts";
import { bertOptimizer } from "./bert_optimizer.ts";
import { writeFewC4 } from "./few_texts.ts";
import { guessByFrequency } from "./label_frequencies.ts";
import {
  FEW,
  type PaperRecipe,
  paperRecipe,
  type PaperSetting,
  partOfBatch,
  partsFor,
  remarksOn,
} from "./paper_recipe.ts";
import { collateMaskedTexts, startOf, streamInOrder } from "./text_batches.ts";
import {
  BERT_TOKENIZER,
  embeddedTokens,
  readTokenizer,
  VOCABULARY,
} from "./tokenizer_file.ts";

/** Sizes of the models, which GLUE's tasks go on from. */
export const BERT_SIZES = ["base", "large"] as const;

/** One of {@linkcode BERT_SIZES}. */
export type BertSize = typeof BERT_SIZES[number];

/** What the authors' files say of each size. */
const C4_SETTINGS: Readonly<
  Record<BertSize, { rate: number; microBatch: number; hydraDepth: number }>
> = {
  base: { rate: 8e-4, microBatch: 128, hydraDepth: HYDRA_PRESETS.base.depth },
  large: { rate: 2e-4, microBatch: 64, hydraDepth: 45 },
};

/** The size of models in the smoke setting. */
const TINY = {
  ...{ dim: 16, depth: 1, numHeads: 2, maxLength: 64, embeddingStd: 0.25 },
};

/** Tokens of a sequence, short ones in the smoke setting. */
const LENGTH = { paper: 128, smoke: 16 };

/** Multiples of the training length, as in the paper's figure 9; texts end soon after. */
const LONGER = [1, 2, 4];

/** How many texts of the validation part models are asked in training, and in the end. */
const HELD = {
  paper: { few: 4096, all: Infinity, batchSize: 16 },
  smoke: { few: 8, all: 16, batchSize: 8 },
};

/** Hydra has neither perceptrons nor positions, and its own number of heads. */
const HYDRA: Contender = {
  name: "hydra",
  options: { variant: "hydra", mlpRatio: 0, maxLength: 0 },
};

/** The contenders, which GLUE's tasks have too. */
export const C4_CONTENDERS: readonly Contender[] = [
  ...[...BERT_CONTENDERS, ...WITH_POSITIONS]
    .filter(({ name }) => name !== "softmax-alibi")
    .map(({ name, options, paper = options }) => ({ name, options: paper })),
  HYDRA,
];

/** A model of a size, with this head or another. */
export function bertOfSize(
  size: BertSize,
  setting: PaperSetting,
  contender: ContenderOptions,
  options: Pick<
    LionBertOptions,
    "vocabularySize" | "head" | "numClasses" | "seed"
  >,
): LayersModel {
  const { numHeads, ...sizes } = BERT_PRESETS[size];
  const isHydra = contender.variant === "hydra";
  return lionBert({
    ...sizes,
    // Hydra's heads have 64 channels, however many these are.
    ...isHydra ? { depth: C4_SETTINGS[size].hydraDepth } : { numHeads },
    ...setting === "smoke" ? TINY : {},
    dropout: 0.1,
    ...contender,
    ...options,
  });
}

/** The batch of the smoke setting. */
const SMOKE = { part: 2, accumulate: 2 };

/** How many texts the frequencies of tokens are taken of. */
const SOME = 1024;

/**
 * Where it is kept how many texts each file of a folder has, which takes hours to
 * count; says so before they are.
 */
async function countsOf(folder: string): Promise<string> {
  // Files of other folders may have the same names, and be cut off.
  const place = await Deno.realPath(folder);
  const digest = createHash("sha256").update(place).digest("hex");
  const path = `${outPath("train")}/c4-train-counts-${digest.slice(0, 8)}.json`;
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  await Deno.mkdir(outPath("train"), { recursive: true });
  console.log(`counting the texts of C4's files, once, into ${path}`);
  return path;
}

const C4_FILES: NeededFiles = {
  lookedFor: [
    "en/c4-train.NNNNN-of-01024.json.gz, some or all, there or without en/",
    "en/c4-validation.NNNNN-of-00008.json.gz, some or all",
    "tokenizer.json of google-bert/bert-base-uncased",
  ],
  commands: [
    'hf download allenai/c4 --repo-type dataset --include "en/c4-*" --local-dir FOLDER   (305 GB)',
    "hf download google-bert/bert-base-uncased tokenizer.json --local-dir FOLDER",
  ],
  hub: {
    data: { repo: "allenai/c4", include: ["en/c4-*.json.gz"] },
    tokenizer: BERT_TOKENIZER,
  },
  writeFew: writeFewC4,
};

/** What each size reached. */
const PUBLISHED: Readonly<Record<BertSize, Published>> = {
  base: {
    "MLM accuracy, paper": C4_ACCURACY.base,
    "MLM accuracy (Table 9), paper": C4_ACCURACY.positions,
  },
  large: { "MLM accuracy, paper": C4_ACCURACY.large },
};

/** Masked language modelling on C4. */
export const c4MaskedLanguage: PaperRecipe = {
  sizes: BERT_SIZES,
  of({ size = "base", batchSize = 4096, ...choice }) {
    const known = size as BertSize;
    const { rate, microBatch } = C4_SETTINGS[known];
    const { accumulate = partsFor(batchSize, microBatch) } = choice;
    const part = partOfBatch(batchSize, accumulate);
    return paperRecipe({
      title: `Masked language modelling on C4, ${size}`,
      about: "Texts of English C4, each cut to a sequence of 128 tokens of " +
        "bert-base-uncased. 30 % of the tokens are hidden in training and 15 % " +
        "otherwise, 80/10/10 as in BERT; the table has accuracy and perplexity " +
        "at hidden tokens of the validation part. Models without positions are " +
        "also tested at 2 and 4 times the length. `frequencies` guesses the " +
        "same token everywhere, or the frequencies of all.",
      notes: [
        "The learning rate falls to 2 % of its highest, as the authors' files " +
        "say; the paper says 20 %.",
        "Weight decay is MosaicML's, 1e-5 of each weight at the highest rate, " +
        "biases included, and nothing is clipped.",
        `A batch of ${batchSize} texts is divided into parts of ${part}; its loss is ` +
        "the mean over all hidden tokens, where the authors take the mean of " +
        "the parts' means.",
        "All weights and sums are float32; the authors use bfloat16.",
        "The order of the texts differs from the authors'.",
      ],
      contenders: C4_CONTENDERS,
      reference: "softmax",
      measure: BY_LOSS,
      plan: { steps: 70_000, rate, validations: 70 },
      published: PUBLISHED[known],
      files: C4_FILES,
      async open(setting, folders) {
        const tokenizer = await readTokenizer(folders.tokenizer);
        const vocabularySize = embeddedTokens(
          ...[tokenizer, "bert", setting, folders] as const,
        );
        const train = await c4(folders.data, { part: "train" });
        const validation = await c4(folders.data, { part: "validation" });
        const length = LENGTH[setting];
        const { few, all, batchSize: heldSize } = HELD[setting];
        const held = (most = few, times = 1) =>
          streamInOrder(validation, {
            most,
            batchSize: heldSize / times,
            collate: collateMaskedTexts({
              ...{ tokenizer, length: times * length, rate: HELD_RATE },
            }),
          });
        const guessed = await guessByFrequency(held(SOME));
        return {
          remarks: setting === "smoke" ? [] : remarksOn([
            ["tokens in their vocabulary", vocabularySize, VOCABULARY.bert],
            ["shards to train on", train.shards.length, 1024],
          ]),
          floor: { guess: "token frequencies", loss: guessed.loss },
          baselines: () => ({
            frequencies: figuresAt(length, {
              accuracy: guessed.accuracy,
              perplexity: perplexity(guessed.loss),
            }),
          }),
          async trial({ contender: { options }, seed, steps, rate }) {
            const isSmoke = setting === "smoke";
            const stream = isSmoke ? startOf(train, FEW) : train;
            const counts = isSmoke || folders.areMadeUp
              ? undefined
              : await countsOf(folders.data);
            const data = await streamedBatches(stream, {
              batchSize: isSmoke ? SMOKE.part : part,
              counts,
              seed,
              collate: collateMaskedTexts({
                ...{ tokenizer, length, rate: TRAINING_RATE },
              }),
            });
            const model = bertOfSize(known, setting, options, {
              ...{ vocabularySize, seed },
            });
            return {
              ...{ model, data },
              options: {
                loss: crossEntropy(),
                optimizer: bertOptimizer({
                  ...{ steps, rate, weightDecay: 1e-5, finalShare: 0.02 },
                  accumulate: setting === "smoke"
                    ? SMOKE.accumulate
                    : accumulate,
                }),
              },
              validation: validated(() => held()),
              validationBatches: Math.ceil(few / heldSize),
              test: () =>
                hiddenFigures(
                  model,
                  (options.maxLength === 0 ? LONGER : [1]).map((times) => ({
                    length: times * length,
                    batches: held(all, times),
                  })),
                ),
              keep: (folder) => keepWeights(model, folder),
            };
          },
        };
      },
    });
  },
};
