/** The stages of the package of punctuation. @module */
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import type { LionEncoderOptions } from "@lionjs/lion";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  CLASSES,
  markedWords,
  type Reader,
  wordTokens,
} from "../../../models/punctuation/text/mod.ts";
import { writeCard } from "../card.ts";
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { loadWeights, type Trained, trained } from "../training.ts";
import { noticeText } from "../infilling/manuals.ts";
import { cardOf, type Kept, noticeFile } from "./card.ts";
import {
  type Corpus,
  labelled,
  readCorpus,
  streamsOf,
  windowBatches,
} from "./data.ts";
import { LinearModel, majority } from "./linear.ts";
import {
  learningRate,
  LOSS,
  OPTIONS,
  punctuationModel,
  TWINS,
  VOCABULARY,
} from "./model.ts";
import {
  bestOffsets,
  type Offsets,
  readerSharer,
  readerTeller,
  sharesTeller,
  tested,
  testSets,
} from "./testing.ts";

const SEED = 1;

/** Windows per step. */
const BATCH_SIZE = 32;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: {
    vocabularySize: 300,
    steps: 2,
    linearWords: 200,
    tested: 4,
    longText: 300,
    twinSteps: 1,
    twinSeeds: 1,
  },
  full: {
    vocabularySize: VOCABULARY,
    steps: 9000,
    linearWords: 3_000_000,
    tested: 250,
    longText: 50_000,
    twinSteps: 9000,
    twinSeeds: 3,
  },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

const corpusOf = (run: ModelRun): Promise<Corpus> =>
  readCorpus(run, sizesOf(run).vocabularySize);

const setsOf = (corpus: Corpus, run: ModelRun) =>
  testSets(corpus, run.tested ?? sizesOf(run).tested);

const optionsOf = (run: ModelRun) => ({
  ...OPTIONS,
  vocabularySize: sizesOf(run).vocabularySize,
});

async function data(run: ModelRun): Promise<void> {
  const { texts, others } = await corpusOf(run);
  for (const { name, train, test } of [...texts, ...others]) {
    run.say(
      `${name}: ${train.length} paragraphs to train on, ${test.length} more`,
    );
  }
}

/** Tests linear models of the words around, and the majority. */
async function baselines(run: ModelRun): Promise<void> {
  const corpus = await corpusOf(run), sets = setsOf(corpus, run);
  const paragraphs = corpus.texts.flatMap(({ train }) => train)
    .map((text) => labelled(text.slice(0, LONGEST)));
  const found: Record<string, Kept["baselines"][string]> = {
    "no marks, no capitals": await tested(
      sets,
      sharesTeller(majority, NO_OFFSETS),
    ),
  };
  for (const side of ["left words only", "both sides"] as const) {
    const model = new LinearModel(side, paragraphs, {
      words: sizesOf(run).linearWords,
      seed: SEED,
    });
    const offsets = await bestOffsets(sets, model.sharer);
    found[`linear model of words and pairs, ${side}`] = await tested(
      sets,
      sharesTeller(model.sharer, offsets),
    );
  }
  await writeJSON(`${run.folder}/baselines.json`, found);
}

const NO_OFFSETS: Offsets = new Array(CLASSES).fill(0);

/** The most letters of a paragraph for the linear model: addresses are one paragraph each. */
const LONGEST = 3000;

/** Trains a model, and gives it the weights that were reached. */
async function trainModel(
  run: ModelRun,
  corpus: Corpus,
  { options, seed, steps, folder }: {
    options: LionEncoderOptions;
    seed: number;
    steps: number;
    folder: string;
  },
): Promise<{ model: LayersModel; result: Trained }> {
  const model = punctuationModel(options, seed);
  const result = await trained({
    model,
    data: windowBatches(
      streamsOf(corpus, "train"),
      corpus.texts.map(({ share }) => share),
      { batchSize: BATCH_SIZE, seed },
    ),
    batchSize: BATCH_SIZE,
    loss: LOSS,
    learningRate: learningRate(steps),
    ...{ steps, seed, folder },
  }, run);
  return { model, result };
}

async function training(run: ModelRun): Promise<void> {
  const { model, result } = await trainModel(run, await corpusOf(run), {
    options: optionsOf(run),
    seed: SEED,
    steps: run.steps ?? sizesOf(run).steps,
    folder: `${run.folder}/training`,
  });
  model.dispose();
  run.say(
    `${result.steps} steps, ${result.examples} windows, loss ${
      result.loss.toFixed(4)
    }`,
  );
}

/** The trained model in float32, whose classes have the offsets that validation has chosen. */
async function trainedModel(run: ModelRun): Promise<LayersModel> {
  const model = punctuationModel(optionsOf(run), SEED);
  await loadWeights(model, `${run.folder}/training/weights.safetensors`);
  const kept = `${run.folder}/offsets.json`;
  const corpus = await corpusOf(run);
  const offsets = await readJSON<Offsets>(kept) ?? await bestOffsets(
    setsOf(corpus, run),
    readerSharer({ model, tokens: wordTokens(corpus.tokenizer) }),
  );
  await writeJSON(kept, offsets);
  const head = model.getLayer("head");
  const [kernel, bias] = head.getWeights() as [tf.Tensor, tf.Tensor];
  const moved = tf.add(bias, tf.tensor1d([...offsets]));
  head.setWeights([kernel, moved]);
  moved.dispose();
  return model;
}

/** Writes the weights in int8, the model's config, and its vocabulary. */
async function pack(run: ModelRun): Promise<void> {
  const model = await trainedModel(run);
  const { file } = await corpusOf(run);
  await savePretrained(run.target, {
    model,
    config: {
      model_type: "lion",
      architecture: "lionEncoder",
      options: optionsOf(run),
      task: "punctuation",
    },
    tokenizer: file,
    weights: "int8",
  });
  model.dispose();
  // Without the spaces, which are a third of it.
  await Deno.writeTextFile(
    new URL("tokenizer.json", run.target),
    JSON.stringify(file),
  );
}

/** Tests what is shipped, the same in float32, and a long text. */
async function test(run: ModelRun): Promise<void> {
  const corpus = await corpusOf(run), sets = setsOf(corpus, run);
  const { model, tokenizer } = await fromPretrained(run.target);
  const reader: Reader = { model, tokens: wordTokens(tokenizer!) };
  const int8 = await tested(sets, readerTeller(reader));
  const long = await readLongText(reader, corpus, sizesOf(run).longText);
  model.dispose();
  const float = await trainedModel(run);
  const float32 = await tested(
    sets,
    readerTeller({ ...reader, model: float }),
  );
  float.dispose();
  const found: Kept["tests"] = { int8, float32, long };
  await writeJSON(`${run.folder}/tests.json`, found);
  const { value } = int8.manual["full stop"];
  run.say(
    `full stops of the other manual: F1 ${
      value.toFixed(3)
    }; ${long.words} words in ${long.seconds.toFixed(1)} s`,
  );
}

/** Reads one text of so many words. */
async function readLongText(
  reader: Reader,
  { others }: Corpus,
  count: number,
): Promise<Kept["tests"]["long"]> {
  const words: string[] = [];
  for (const paragraph of others[0]!.test) {
    words.push(...labelled(paragraph).map(({ reading }) => reading));
    if (words.length >= count) break;
  }
  const text = words.slice(0, count).join(" ");
  const began = performance.now();
  const [read] = await markedWords(reader, [text]);
  return {
    words: read!.length,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Trains and tests the twins, each from every seed; those that are done are left out. */
async function twins(run: ModelRun): Promise<void> {
  const { twinSteps, twinSeeds } = sizesOf(run);
  const corpus = await corpusOf(run), sets = setsOf(corpus, run);
  const steps = run.steps ?? twinSteps;
  const found: Record<string, Kept["twins"][string]> = {};
  for (let seed = 1; seed <= twinSeeds; seed++) {
    for (const [name, options] of Object.entries(TWINS)) {
      const all = { ...run, minutes: undefined };
      const { model, result } = await trainModel(all, corpus, {
        options: { ...optionsOf(run), ...options },
        ...{ seed, steps },
        folder: `${run.folder}/twins/${name.replaceAll(" ", "-")}-${seed}`,
      });
      const sharer = readerSharer({
        model,
        tokens: wordTokens(corpus.tokenizer),
      });
      const offsets = await bestOffsets(sets, sharer);
      const scores = await tested(sets, sharesTeller(sharer, offsets));
      model.dispose();
      const { parameters } = result;
      const twin = found[name] ??
        { parameters, steps: result.steps, seeds: [] };
      found[name] = { ...twin, seeds: [...twin.seeds, scores] };
      await writeJSON(`${run.folder}/twins.json`, found);
      run.say(
        `twin ${name}, seed ${seed}, ${result.steps} steps: full stops ${
          scores.manual["full stop"].value.toFixed(3)
        }`,
      );
    }
  }
}

/** Writes the card, what is made from it, and the notices of what was read. */
async function card(run: ModelRun): Promise<void> {
  const read = async <T>(name: string) =>
    await readJSON<T>(`${run.folder}/${name}.json`);
  const { texts, others } = await corpusOf(run);
  await writeCard(
    await cardOf({
      ...{ texts, others, options: optionsOf(run), seed: SEED },
      trained: (await read<Trained>("training/result"))!,
      tests: (await read<Kept["tests"]>("tests"))!,
      baselines: await read<Kept["baselines"]>("baselines") ?? {},
      twins: await read<Kept["twins"]>("twins") ?? {},
      linearWords: sizesOf(run).linearWords,
    }, run),
    run,
  );
  for (const { name, notice } of texts) {
    await Deno.writeTextFile(
      new URL(`LICENSES/${noticeFile(name)}`, run.target),
      noticeText(notice),
    );
  }
}

/** The package of punctuation. */
export const punctuation: ModelRecipe = {
  title: "full stops, commas and capitals for dictated text",
  target: "models/punctuation/",
  stages: { data, baselines, train: training, pack, test, twins, card },
};
