/** The stages of the page's model of texts, which fills in hidden words in any order. @module */
import { lionBert, type LionBertOptions } from "@lionjs/lion";
import {
  type Collate,
  datasetOf,
  packTokens,
  shuffledBatches,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";
import {
  collateDiffusion,
  diffusionBound,
  diffusionLoss,
} from "@lionjs/lion/diffusion";
import { toPyTorchWeights, writeSafetensors } from "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";
import { copiesOf } from "../../../lib/io/pytorch_names.ts";
import { quantized } from "../../../lib/hub/pretrained/weight_precision.ts";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { loadWeights, type Trained, trained } from "../training.ts";
import { noticeText, type Paragraphs, readManuals } from "./manuals.ts";

const SEED = 1;

/** Tokens of the vocabulary: most short words are one. */
const VOCABULARY = 1500;

/** Tokens of a sequence. */
const LENGTH = 64;

/** Sequences per step. */
const BATCH_SIZE = 32;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: { vocabularySize: 300, steps: 2, tested: 2 },
  full: { vocabularySize: VOCABULARY, steps: 20_000, tested: 200 },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

/** The options of the model; in training order, every other block reads backwards. */
function optionsOf(vocabularySize: number): LionBertOptions {
  return {
    ...{ vocabularySize, dim: 96, depth: 3, numHeads: 6, variant: "s" },
    ...{ direction: "alternate", featureMap: "shiftedSilu", normalize: true },
    ...{ tokenTypes: 0, maxLength: 0, embeddingStd: 0.1 },
  };
}

/** Texts for a run that needs no network, of which nothing can be learned. */
const MADE_UP: Paragraphs = {
  manuals: [],
  train: Array.from(
    { length: 40 },
    (_, i) => `The ${i} rows of the table are read before the query ends.`,
  ),
  test: Array.from(
    { length: 20 },
    (_, i) => `The query reads ${i} tables, and the rows of these are sorted.`,
  ),
};

/** Texts in tokens, and the vocabulary, which is learned from those of training. */
interface Corpus {
  readonly paragraphs: Paragraphs;
  readonly file: TokenizerFile;
  readonly tokenizer: Tokenizer;
  readonly train: readonly Int32Array[];
  readonly test: readonly Int32Array[];
}

async function corpusOf(run: ModelRun): Promise<Corpus> {
  const paragraphs = run.isSmoke ? MADE_UP : await readManuals(run.folder);
  const kept = `${run.folder}/tokenizer.json`;
  const { vocabularySize } = sizesOf(run);
  const file = await readJSON<TokenizerFile>(kept) ??
    trainTokenizer(paragraphs.train, { vocabularySize });
  await writeJSON(kept, file);
  const tokenizer = tokenizerOf(file);
  const pack = (texts: readonly string[]) =>
    packTokens(texts.map((text) => tokenizer.encode(text)), {
      length: LENGTH,
      separator: tokenizer.specials.sep,
    });
  const [train, test] = [pack(paragraphs.train), pack(paragraphs.test)];
  return { paragraphs, file, tokenizer, train, test };
}

async function data(run: ModelRun): Promise<void> {
  const { paragraphs, train, test } = await corpusOf(run);
  run.say(
    `${paragraphs.train.length} paragraphs in ${train.length} sequences to train on, ` +
      `${test.length} to test on`,
  );
}

async function training(run: ModelRun): Promise<void> {
  const { tokenizer, train } = await corpusOf(run);
  const { sep, mask } = tokenizer.specials;
  const hide = collateDiffusion({ maskToken: mask });
  // The ends of paragraphs are always seen.
  const collate: Collate<Int32Array> = (rows, random) =>
    hide(
      rows.map((ids) => ({
        ids,
        given: Array.from(ids, (id) => id === sep),
      })),
      random,
    );
  const model = lionBert({
    ...optionsOf(tokenizer.vocabularySize),
    seed: SEED,
  });
  const batchSize = Math.min(BATCH_SIZE, train.length);
  const result = await trained({
    model,
    data: shuffledBatches(datasetOf(train), { batchSize, seed: SEED, collate }),
    batchSize,
    loss: diffusionLoss(),
    steps: run.steps ?? sizesOf(run).steps,
    seed: SEED,
    folder: `${run.folder}/training`,
  }, run);
  model.dispose();
  run.say(
    `${result.steps} steps, ${result.parameters} parameters, loss ${
      result.loss.toFixed(3)
    }`,
  );
}

/** Tells the bound of held-out sequences, in bits per byte. */
async function test(run: ModelRun): Promise<void> {
  const { tokenizer, test } = await corpusOf(run);
  const model = lionBert(optionsOf(tokenizer.vocabularySize));
  await loadWeights(model, `${run.folder}/training/weights.safetensors`);
  const { sep, mask } = tokenizer.specials;
  const few = test.slice(0, run.tested ?? sizesOf(run).tested)
    .map((ids) => Array.from(ids));
  const { nats, standardError } = await diffusionBound(model, few, {
    maskToken: mask,
    given: few.map((ids) => ids.map((id) => id === sep)),
    samples: 16,
    seed: SEED,
  });
  model.dispose();
  const bytes = few.map((ids) =>
    new TextEncoder().encode(
      tokenizer.decode(ids.filter((id) => id !== sep)),
    ).length
  );
  const mean = bytes.reduce((sum, count) => sum + count) / few.length;
  const bits = (nats: number) => nats / Math.LN2 / mean;
  const found = {
    bitsPerByte: bits(nats),
    standardError: bits(standardError),
    sequences: few.length,
  };
  await writeJSON(`${run.folder}/tests.json`, found);
  run.say(
    `${found.bitsPerByte.toFixed(3)} ± ${
      found.standardError.toFixed(3)
    } bits per byte on ${found.sequences} held-out sequences`,
  );
}

/** Writes the weights in int8 with all that the page needs, and the texts' notices. */
async function pack(run: ModelRun): Promise<void> {
  const { paragraphs, file, tokenizer } = await corpusOf(run);
  const options = optionsOf(tokenizer.vocabularySize);
  const model = lionBert(options);
  await loadWeights(model, `${run.folder}/training/weights.safetensors`);
  const weights = toPyTorchWeights(model);
  const { steps } = (await readJSON<Trained>(
    `${run.folder}/training/result.json`,
  ))!;
  const tests = await readJSON<object>(`${run.folder}/tests.json`) ?? {};
  // The head's table is that of the tokens.
  const copies = new Set(copiesOf(model).map(([copy]) => copy));
  await Deno.mkdir(new URL("LICENSES/", run.target), { recursive: true });
  await writeSafetensors(
    new URL("infilling.safetensors", run.target),
    await quantized(
      [...weights].filter(([name]) => !copies.has(name)),
      undefined,
    ),
    {
      metadata: {
        made: `deno task models infilling --steps ${steps}`,
        data: paragraphs.manuals
          .map(({ name, version, licence }) =>
            `${name} ${version} (${licence})`
          )
          .join(", "),
        tests: JSON.stringify(tests),
        model: JSON.stringify(options),
        tokenizer: JSON.stringify(file),
      },
    },
  );
  tf.dispose([...weights.values()]);
  model.dispose();
  for (const { name, notice } of paragraphs.manuals) {
    await Deno.writeTextFile(
      new URL(`LICENSES/${name}.txt`, run.target),
      noticeText(notice),
    );
  }
}

/** The page's model of texts, which is no package. */
export const infilling: ModelRecipe = {
  title: "hidden words, for the page to try",
  target: "site/weights/",
  stages: { data, train: training, test, pack },
};
