import { GPT_PRESETS, lionGpt } from "@lionjs/lion";
import {
  batchesInOrder,
  type ByteSource,
  collateCausal,
  memoryBytes,
  type ShardedStream,
  shuffledBatches,
  tokenFile,
  type Tokenizer,
  type TokenType,
  writeTokenFile,
} from "@lionjs/lion/data";
import { openWebText } from "@lionjs/lion/datasets";
import {
  crossEntropy,
  type OptimizerOptions,
  perplexity,
  warmUpCosine,
} from "@lionjs/lion/training";
import { nextFigures, OPEN_WEB_TEXT } from "../causal_language.ts";
import type { NeededFiles } from "../needed_files.ts";
import { BY_LOSS, type Contender, type TrialChoice } from "../recipe.ts";
import { writeFewPages } from "./few_texts.ts";
import { guessByFrequency } from "./label_frequencies.ts";
import {
  FEW,
  type PaperRecipe,
  paperRecipe,
  partOfBatch,
  partsFor,
  remarksOn,
} from "./paper_recipe.ts";
import { firstOfStream } from "./text_batches.ts";
import {
  embeddedTokens,
  GPT2_TOKENIZER,
  readTokenizer,
  VOCABULARY,
} from "./tokenizer_file.ts";

/** The models, and the texts they are asked: small and few in the smoke setting. */
const SETTINGS = {
  paper: {
    sizes: GPT_PRESETS.small,
    length: 1024,
    /** How many tokens of each length models are asked in the end, and in training. */
    held: 1_048_576,
    lookedAt: 131_072,
  },
  smoke: {
    sizes: { dim: 16, depth: 1, numHeads: 2, embeddingStd: 0.25 },
    ...{ length: 32, held: 512, lookedAt: 128 },
  },
};

/** Tokens of a batch that is not trained on. */
const HELD_BATCH = 2048;

/** The batch of the smoke setting. */
const SMOKE = { part: 2, accumulate: 2 };

/** The training length, and shares and multiples of it as in the paper's figure 5b. */
const LENGTHS = [1, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8];

/** What nanoGPT's `train.py` has for GPT-2. */
const NANO_GPT = {
  ...{ steps: 600_000, warmUpSteps: 2000, rate: 6e-4, finalShare: 0.1 },
  /** How many sequences a step has, and each part of it. */
  ...{ batchSize: 480, part: 12 },
};

const CONTENDERS: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax", position: "none" } },
  { name: "lion-lit", options: { variant: "lit" } },
  { name: "lion-s", options: { variant: "s" } },
];

/** GPT-2's size on OpenWebText, as nanoGPT trains it. */
export const openWebTextModels: PaperRecipe = {
  of(choice) {
    const { batchSize = NANO_GPT.batchSize } = choice;
    const { accumulate = partsFor(batchSize, NANO_GPT.part) } = choice;
    const part = partOfBatch(batchSize, accumulate);
    return paperRecipe({
      title: "Causal language modelling on OpenWebText",
      about: "Models of GPT-2's size, 124 million parameters, are trained on " +
        "sequences of 1,024 tokens of OpenWebText and guess the next token. " +
        "The table has the perplexity of held-out texts, at the length of " +
        "training and at others. softmax is GPT-2, with learned positions, " +
        "which end at 1,024; lion-lit, the linear transformer, and lion-s have " +
        "none. `frequencies` guesses the same frequencies everywhere.",
      notes: [
        "nanoGPT's models have no biases; here these stay 0, except those of " +
        "LION-S's decays.",
        "Sequences begin anywhere, as in nanoGPT, but only at as many places as " +
        "sequences fit side by side, the same in each epoch.",
        "The held-out texts, 0.05 % of all, differ from nanoGPT's, unless the " +
        "folder has its train.bin and val.bin.",
        "All weights and sums are float32, and linear layers begin with this " +
        "library's deviations.",
      ],
      files: FILES,
      contenders: CONTENDERS,
      reference: "softmax",
      measure: BY_LOSS,
      published: {
        "perplexity, paper": {
          softmax: OPEN_WEB_TEXT.softmax,
          ...OPEN_WEB_TEXT.linear,
        },
      },
      plan: {
        ...{ steps: NANO_GPT.steps, rate: NANO_GPT.rate, validations: 100 },
      },
      async open(setting, folders) {
        const { data, areMadeUp } = folders;
        const tokenizer = await readTokenizer(folders.tokenizer);
        const vocabularySize = embeddedTokens(
          ...[tokenizer, "gpt2", setting, folders] as const,
        );
        const { sizes, length, held, lookedAt } = SETTINGS[setting];
        const tokensOf = setting === "smoke" || areMadeUp
          ? fewTokens
          : fileOfTokens;
        const train = await tokensOf("train", data, tokenizer);
        const validation = await tokensOf("validation", data, tokenizer);
        const type = typeOf(tokenizer);
        /** Batches of so many tokens, in sequences of a length. */
        const heldBatches = async function* (tokens: number, length: number) {
          const all = await tokenFile(validation, { length: length + 1, type });
          const most = Math.ceil(tokens / length);
          yield* batchesInOrder(
            { ...all, size: Math.min(all.size, most) },
            {
              batchSize: Math.max(1, Math.floor(HELD_BATCH / length)),
              collate: collateCausal(),
            },
          );
        };
        const { size } = await tokenFile(validation, { length: 1, type });
        const guessed = await guessByFrequency(heldBatches(lookedAt, length));
        return {
          remarks: setting === "smoke" ? [] : remarksOn([
            ["tokens in their vocabulary", vocabularySize, VOCABULARY.gpt2],
          ]),
          floor: { guess: "token frequencies", loss: guessed.loss },
          baselines: () => ({
            frequencies: {
              [`perplexity at ${length}`]: perplexity(guessed.loss),
            },
          }),
          async trial({ contender: { options }, seed, ...choice }) {
            const hasPositions = options.variant === "softmax";
            const model = lionGpt({
              ...{ ...sizes, vocabularySize },
              maxLength: hasPositions ? length : 0,
              ...{ ...options, seed },
            });
            const sequences = await tokenFile(train, {
              ...{ length: length + 1, type, offsets: "random", seed },
            });
            const parts = setting === "smoke" ? SMOKE : { part, accumulate };
            return {
              model,
              data: shuffledBatches(sequences, {
                batchSize: parts.part,
                ...{ seed, collate: collateCausal() },
              }),
              options: {
                loss: crossEntropy(),
                optimizer: {
                  ...nanoGptOptimizer(choice),
                  accumulate: parts.accumulate,
                },
              },
              validation: { data: () => heldBatches(lookedAt, length) },
              validationBatches: Math.ceil(lookedAt / HELD_BATCH),
              test: () =>
                nextFigures(
                  model,
                  LENGTHS.map((times) => times * length)
                    .filter((asked) =>
                      asked < size && (asked <= length || !hasPositions)
                    )
                    .map((length) => ({
                      length,
                      batches: heldBatches(held, length),
                    })),
                ),
            };
          },
        };
      },
    });
  },
};

const FILES: NeededFiles = {
  lookedFor: [
    "train.bin and val.bin, as nanoGPT's prepare.py makes them; or they are made there, once, in hours, of",
    "train-NNNNN-of-00080.parquet, there or in plain_text/, or urlsf_subset….tar, or texts (.txt)",
    "tokenizer.json of openai-community/gpt2",
  ],
  commands: [
    'hf download Skylion007/openwebtext --repo-type dataset --include "plain_text/*" --local-dir FOLDER',
    "hf download openai-community/gpt2 tokenizer.json --local-dir FOLDER",
  ],
  hub: {
    data: { repo: "Skylion007/openwebtext", include: ["plain_text/*.parquet"] },
    tokenizer: GPT2_TOKENIZER,
  },
  writeFew: writeFewPages,
};

/** The optimizer of nanoGPT: weight decay is for matrices and tables alone. */
export function nanoGptOptimizer(
  { steps, rate }: Pick<TrialChoice, "steps" | "rate">,
): OptimizerOptions {
  const { warmUpSteps, finalShare } = NANO_GPT;
  return {
    learningRate: warmUpCosine({
      ...{ learningRate: rate, steps, final: finalShare * rate },
      warmUpSteps: warmUpSteps / NANO_GPT.steps * steps,
    }),
    ...{ beta1: 0.9, beta2: 0.95, clipNorm: 1, weightDecay: 0.1 },
    decays: (_, shape) => shape.length >= 2,
    // Biases begin at 0, and stay there.
    learningRateFactor: (name) => /(?<!a_i\.)bias$/.test(name) ? 0 : 1,
  };
}

/** How nanoGPT calls the files of parts. */
const NAMES = { train: "train.bin", validation: "val.bin" };

type TokenPart = keyof typeof NAMES;

/** The tokens of a part: a file in the folder, which is made if it is not there. */
export async function fileOfTokens(
  part: TokenPart,
  data: string,
  tokenizer: Tokenizer,
): Promise<string> {
  const path = `${data}/${NAMES[part]}`;
  const isThere = await Deno.stat(path).then(() => true, () => false);
  if (isThere) return path;
  console.log(`${path} is made once; if stopped, it continues`);
  const texts = withProgress(await openWebText(data, { part }));
  await writeTokenFile(texts, { ...writingOf(tokenizer), path });
  return path;
}

/** The tokens of a few texts, in memory. */
async function fewTokens(
  part: TokenPart,
  data: string,
  tokenizer: Tokenizer,
): Promise<ByteSource> {
  const texts = await openWebText(data, { part, validation: 0.5 });
  const folder = await Deno.makeTempDir({ prefix: "lion-tokens-" });
  try {
    const path = `${folder}/${NAMES[part]}`;
    await writeTokenFile(firstOfStream(texts, FEW), {
      ...{ ...writingOf(tokenizer), path },
    });
    return memoryBytes(await Deno.readFile(path), path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** How texts are written: GPT-2's ids fit into 16 bits. */
function writingOf(tokenizer: Tokenizer) {
  return {
    ...{ tokenizer, type: typeOf(tokenizer) },
    separator: tokenizer.specials.sep,
  };
}

function typeOf({ vocabularySize }: Tokenizer): TokenType {
  return vocabularySize <= 2 ** 16 ? "uint16" : "uint32";
}

/** A stream that tells which shard is read. */
function withProgress<E>(stream: ShardedStream<E>): ShardedStream<E> {
  const { shards } = stream;
  return {
    ...stream,
    open(shard, from) {
      console.log(
        `tokens of ${shards[shard]!.name}, ${shard + 1} of ${shards.length}`,
      );
      return stream.open(shard, from);
    },
  };
}
