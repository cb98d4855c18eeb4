/** The stages of the package of languages. @module */
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import { writeSafetensors } from "@lionjs/lion/io";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { quantized } from "../../../lib/hub/pretrained/weight_precision.ts";
import {
  LANGUAGES,
  readTable,
  TABLE,
  TABLE_ROWS,
} from "../../../models/languages/text/mod.ts";
import { writeCard } from "../card.ts";
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { loadWeights, type Trained, trained } from "../training.ts";
import { NaiveBayes } from "./bayes.ts";
import { cardOf, type Kept } from "./card.ts";
import { type Corpus, madeUpCorpus, readCorpus } from "./data.ts";
import { languageModel, LOSS, OPTIONS, textBatches, TWINS } from "./model.ts";
import { languageByTable, trainTable } from "./tables.ts";
import { languagesOf, testSets, testShares, wordShare } from "./testing.ts";

const SEED = 1;

/** Texts per step. */
const BATCH_SIZE = 64;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: {
    pieces: 200,
    steps: 2,
    tested: 1,
    mixed: 2,
    twinSteps: 1,
    twinSeeds: 1,
  },
  full: {
    pieces: 1_000_000,
    steps: 30_000,
    tested: 100,
    mixed: 300,
    twinSteps: 3000,
    twinSeeds: 3,
  },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

const corpusOf = (run: ModelRun): Promise<Corpus> =>
  run.isSmoke ? Promise.resolve(madeUpCorpus()) : readCorpus(run.folder);

const setsOf = (corpus: Corpus, run: ModelRun) =>
  testSets(corpus, {
    pieces: run.tested ?? sizesOf(run).tested,
    mixed: sizesOf(run).mixed,
  });

async function data(run: ModelRun): Promise<void> {
  const { train, others, leaks } = await corpusOf(run);
  const letters = train.flatMap((
    { articles, entries },
  ) => [...articles, ...entries])
    .reduce((sum, text) => sum + text.length, 0);
  run.say(
    `${letters} letters in ${train.length} languages to train on, ${others.length} ` +
      `other texts, without ${leaks} that are trained on`,
  );
}

/** Tests naive Bayes: at as many bytes as the package has, and at twenty times these. */
async function baselines(run: ModelRun): Promise<void> {
  const corpus = await corpusOf(run);
  const sets = setsOf(corpus, run);
  const found: Record<string, Kept["baselines"][string]> = {};
  for (const rows of run.isSmoke ? [64] : [12_288, 262_144]) {
    const bayes = new NaiveBayes(corpus.train, rows);
    const megabytes = (rows * LANGUAGES.length / 1e6).toFixed(2);
    found[`naive Bayes, ${megabytes} MB in int8`] = testShares(
      sets,
      (texts) => texts.map((text) => bayes.languageOf(text)),
    );
  }
  await writeJSON(`${run.folder}/baselines.json`, found);
}

/** The table, from its file, which is made if need be. */
async function trainedTable(run: ModelRun): Promise<Float32Array> {
  const file = `${run.folder}/table.safetensors`;
  const isThere = await Deno.stat(file).catch(() => undefined);
  if (!isThere) {
    const { train } = await corpusOf(run);
    const numbers = trainTable(train, {
      pieces: sizesOf(run).pieces,
      seed: SEED,
      ...{ signal: run.signal, say: run.say },
    });
    const table = tf.tensor2d(numbers, [TABLE_ROWS, LANGUAGES.length]);
    await writeSafetensors(file, { [TABLE]: table });
    table.dispose();
  }
  return await readTable(file);
}

async function table(run: ModelRun): Promise<void> {
  const table = await trainedTable(run);
  const { validation } = setsOf(await corpusOf(run), run);
  const right = validation.filter(({ text, language }) =>
    languageByTable(table, text) === language
  );
  run.say(`the table tells ${right.length} of ${validation.length} pieces`);
}

async function training(run: ModelRun): Promise<void> {
  const { train } = await corpusOf(run);
  const model = languageModel(OPTIONS, SEED);
  const result = await trained({
    model,
    data: textBatches(train, await trainedTable(run), {
      batchSize: BATCH_SIZE,
      seed: SEED,
    }),
    batchSize: BATCH_SIZE,
    loss: LOSS,
    steps: run.steps ?? sizesOf(run).steps,
    seed: SEED,
    folder: `${run.folder}/training`,
  }, run);
  model.dispose();
  run.say(
    `${result.steps} steps, ${result.examples} texts, loss ${
      result.loss.toFixed(4)
    }`,
  );
}

/** The trained model in float32. */
async function trainedModel({ folder }: ModelRun): Promise<LayersModel> {
  const model = languageModel(OPTIONS, SEED);
  await loadWeights(model, `${folder}/training/weights.safetensors`);
  return model;
}

/** Writes the weights in int8, the model's config, and the table. */
async function pack(run: ModelRun): Promise<void> {
  const model = await trainedModel(run);
  await savePretrained(run.target, {
    model,
    config: {
      model_type: "lion",
      architecture: "lionEncoder",
      options: OPTIONS,
      task: "languages",
    },
    weights: "int8",
  });
  model.dispose();
  // Four runs share a scale, which would take a twentieth of the bytes otherwise.
  const table = tf.tensor3d(
    await trainedTable(run),
    [TABLE_ROWS / 4, 4, LANGUAGES.length],
  );
  await writeSafetensors(
    new URL("table.safetensors", run.target),
    await quantized([[TABLE, table]], undefined),
  );
  table.dispose();
}

/** Tests what is shipped, the same in float32, and its table alone. */
async function test(run: ModelRun): Promise<void> {
  const { folder } = run;
  const sets = setsOf(await corpusOf(run), run);
  const { steps } =
    (await readJSON<Trained>(`${folder}/training/result.json`))!;
  const { model } = await fromPretrained(run.target);
  const file = new URL("table.safetensors", run.target);
  const reader = { model, table: await readTable(file) };
  const answers = await languagesOf(reader, sets);
  const words = await wordShare(reader, sets.mixed);
  model.dispose();
  const float = await trainedModel(run), table = await trainedTable(run);
  const exact = await languagesOf({ model: float, table }, sets);
  float.dispose();
  const found: Kept["tests"] = {
    ...{ steps, words },
    int8: testShares(sets, answers),
    float32: testShares(sets, exact),
    table: testShares(
      sets,
      (texts) => texts.map((text) => languageByTable(table, text)),
    ),
  };
  await writeJSON(`${folder}/tests.json`, found);
}

/** Trains and tests the twins, each from every seed; those that are done are left out. */
async function twins(run: ModelRun): Promise<void> {
  const { twinSteps, twinSeeds } = sizesOf(run);
  const corpus = await corpusOf(run), table = await trainedTable(run);
  const sets = setsOf(corpus, run);
  const found: Record<string, Kept["twins"][string]> = {};
  for (let seed = 1; seed <= twinSeeds; seed++) {
    for (const [name, options] of Object.entries(TWINS)) {
      const model = languageModel({ ...OPTIONS, ...options }, seed);
      const { steps, parameters } = await trained({
        model,
        data: textBatches(corpus.train, table, { batchSize: BATCH_SIZE, seed }),
        batchSize: BATCH_SIZE,
        loss: LOSS,
        steps: twinSteps,
        seed,
        folder: `${run.folder}/twins/${name.replaceAll(" ", "-")}-${seed}`,
      }, { ...run, minutes: undefined });
      const shares = testShares(
        sets,
        await languagesOf({ model, table }, sets),
      );
      const words = await wordShare({ model, table }, sets.mixed);
      model.dispose();
      const twin = found[name] ?? { parameters, steps, seeds: [] };
      found[name] = { ...twin, seeds: [...twin.seeds, { shares, words }] };
      await writeJSON(`${run.folder}/twins.json`, found);
    }
  }
}

/** Writes the card, what is made from it, and the notices of what was read. */
async function card(run: ModelRun): Promise<void> {
  const read = async <T>(name: string) =>
    await readJSON<T>(`${run.folder}/${name}.json`);
  const { sources, leaks } = await corpusOf(run);
  await writeCard(
    await cardOf({
      ...{ sources, leaks, options: OPTIONS },
      trained: (await read<Trained>("training/result"))!,
      tests: (await read<Kept["tests"]>("tests"))!,
      baselines: await read<Kept["baselines"]>("baselines") ?? {},
      twins: await read<Kept["twins"]>("twins") ?? {},
      seed: SEED,
      pieces: sizesOf(run).pieces,
    }, run),
    run,
  );
  for (const { source: { name, isTest }, notice } of sources) {
    if (isTest) continue;
    await Deno.writeTextFile(
      new URL(`LICENSES/${name}.txt`, run.target),
      notice,
    );
  }
}

/** The package of languages. */
export const languages: ModelRecipe = {
  title: "the language of a text, and of each of its words",
  target: "models/languages/",
  stages: { data, baselines, table, train: training, pack, test, twins, card },
};
