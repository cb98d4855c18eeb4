/** The stages of the package of punctuation. @module */
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { trained } from "../training.ts";
import { type Corpus, readCorpus, streamsOf, windowBatches } from "./data.ts";
import {
  learningRate,
  LOSS,
  OPTIONS,
  punctuationModel,
  VOCABULARY,
} from "./model.ts";

const SEED = 1;

/** Windows per step. */
const BATCH_SIZE = 32;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: { vocabularySize: 300, steps: 2 },
  full: { vocabularySize: VOCABULARY, steps: 20_000 },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

const corpusOf = (run: ModelRun): Promise<Corpus> =>
  readCorpus(run, sizesOf(run).vocabularySize);

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

async function training(run: ModelRun): Promise<void> {
  const corpus = await corpusOf(run);
  const steps = run.steps ?? sizesOf(run).steps;
  const streams = streamsOf(corpus, "train");
  run.say(
    `${
      streams.reduce((sum, { ids }) => sum + ids.length, 0)
    } tokens to train on`,
  );
  const model = punctuationModel(optionsOf(run), SEED);
  const result = await trained({
    model,
    data: windowBatches(streams, corpus.texts.map(({ share }) => share), {
      batchSize: BATCH_SIZE,
      seed: SEED,
    }),
    batchSize: BATCH_SIZE,
    loss: LOSS,
    learningRate: learningRate(steps),
    steps,
    seed: SEED,
    folder: `${run.folder}/training`,
  }, run);
  model.dispose();
  run.say(
    `${result.steps} steps, ${result.examples} windows, loss ${
      result.loss.toFixed(4)
    }`,
  );
}

/** The package of punctuation. */
export const punctuation: ModelRecipe = {
  title: "full stops, commas and capitals for dictated text",
  target: "models/punctuation/",
  stages: { data, train: training },
};
