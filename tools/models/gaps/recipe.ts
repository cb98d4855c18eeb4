/** The stages of the package of gaps. @module */
import { cpuUsage } from "node:process";
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import { warmUpCosine } from "@lionjs/lion/training";
import { seeded } from "@lionjs/data/batches";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { filledOf, outliersOf } from "../../../models/gaps/series/mod.ts";
import { writeCard } from "../card.ts";
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { loadWeights, type Trained, trained } from "../training.ts";
import { BASELINES } from "./baselines.ts";
import { cardOf, type Kept } from "./card.ts";
import {
  type DrawExample,
  drawn,
  gapsModel,
  LOSS,
  OPTIONS,
  seriesBatches,
} from "./model.ts";
import { drawnFrom, readOwnSeries, splitSeries } from "./own_series.ts";
import { readRealSeries, type RealSeries } from "./real_series.ts";
import { drawSeries } from "./series.ts";
import {
  byMedianFilter,
  drawWindows,
  errorFigure,
  f1Of,
  GAPS,
  plantSpikes,
  tested,
  type Window,
} from "./testing.ts";
import { ended, givenBefore, TWINS } from "./twins.ts";

const SEED = 1;

/** Series per step. */
const BATCH_SIZE = 32;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: {
    steps: 3,
    tested: 1,
    spiked: 1,
    twinSteps: 2,
    twinSeeds: 1,
    twinsTested: 1,
    tuneSteps: 2,
  },
  full: {
    steps: 3000,
    tested: 24,
    spiked: 6,
    twinSteps: 300,
    twinSeeds: 3,
    twinsTested: 8,
    tuneSteps: 300,
  },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

/** The series to test on; to see that all runs, two that are drawn. */
const realSeriesOf = (run: ModelRun): Promise<RealSeries[]> =>
  run.isSmoke ? Promise.resolve(madeUpSeries()) : readRealSeries(run.folder);

function madeUpSeries(): RealSeries[] {
  return ["first", "second"].map((name) => ({
    name,
    values: drawSeries(800, seeded("made up", name)),
  }));
}

const windowsOf = async (run: ModelRun) =>
  drawWindows(await realSeriesOf(run), run.tested ?? sizesOf(run).tested);

async function data(run: ModelRun): Promise<void> {
  for (const { name, values } of await realSeriesOf(run)) {
    run.say(`${name}: ${values.length} values to test on`);
  }
}

/** Tests simple ways to fill gaps. */
async function baselines(run: ModelRun): Promise<void> {
  const windows = await windowsOf(run);
  const found: Record<string, Kept["baselines"][string]> = {};
  for (const [name, fill] of Object.entries(BASELINES)) {
    found[name] = tested(
      windows,
      windows.map(({ given }) => ({ values: fill(given) })),
    );
    run.say(`${name}: error ${errorFigure(found[name]).value.toFixed(3)}`);
  }
  await writeJSON(`${run.folder}/baselines.json`, found);
}

/** How a model is trained. */
interface Training {
  readonly model: LayersModel;
  readonly draw: DrawExample;
  readonly steps: number;
  readonly highestRate: number;
  readonly seed: number;
  readonly folder: string;
}

function trainedOn(
  { model, draw, steps, highestRate, seed, folder }: Training,
  run: ModelRun,
): Promise<Trained> {
  return trained({
    ...{ model, steps, seed, folder },
    data: seriesBatches({ batchSize: BATCH_SIZE, seed, draw }),
    batchSize: BATCH_SIZE,
    loss: LOSS,
    learningRate: warmUpCosine({
      learningRate: highestRate,
      warmUpSteps: Math.min(100, Math.floor(steps / 10)),
      // The rate is above 0 at the last step too.
      steps: steps + 1,
    }),
  }, run);
}

/** The highest rate of a training that begins with drawn weights. */
const RATE = 2e-3;

async function training(run: ModelRun): Promise<void> {
  const model = gapsModel(OPTIONS, SEED);
  const { steps, examples, loss } = await trainedOn({
    ...{ model, draw: drawn, highestRate: RATE, seed: SEED },
    steps: run.steps ?? sizesOf(run).steps,
    folder: `${run.folder}/training`,
  }, run);
  model.dispose();
  run.say(`${steps} steps, ${examples} series, loss ${loss.toFixed(4)}`);
}

/** The trained model in float32. */
async function trainedModel({ folder }: ModelRun): Promise<LayersModel> {
  const model = gapsModel(OPTIONS, SEED);
  await loadWeights(model, `${folder}/training/weights.safetensors`);
  return model;
}

/** Writes weights in int8, and the model's config. */
const save = (folder: URL, model: LayersModel) =>
  savePretrained(folder, {
    model,
    config: {
      model_type: "lion",
      architecture: "lionEncoder",
      options: OPTIONS,
      task: "gaps",
    },
    weights: "int8",
  });

async function pack(run: ModelRun): Promise<void> {
  const model = await trainedModel(run);
  await save(run.target, model);
  model.dispose();
}

/** What a model reaches in windows. */
const testedBy = async (model: LayersModel, windows: readonly Window[]) =>
  tested(
    windows,
    await filledOf(model, windows.map(({ given }) => given)),
  );

/** Windows that are timed together. */
const TIMED = 32;

/** The processor's time for a window, the least of some rounds: others use it as well. */
async function millisecondsOf(
  model: LayersModel,
  windows: readonly Window[],
): Promise<number> {
  let least = Infinity;
  for (let start = 0; start < windows.length; start += TIMED) {
    const some = windows.slice(start, start + TIMED);
    const before = cpuUsage();
    await testedBy(model, some);
    const { user, system } = cpuUsage(before);
    least = Math.min(least, (user + system) / 1000 / some.length);
  }
  return least;
}

/** Tests what is shipped, and the same in float32. */
async function test(run: ModelRun): Promise<void> {
  const { steps } =
    (await readJSON<Trained>(`${run.folder}/training/result.json`))!;
  const windows = await windowsOf(run);
  const { model } = await fromPretrained(run.target);
  const int8 = await testedBy(model, windows);
  const milliseconds = await millisecondsOf(model, windows);
  const spiked = plantSpikes(
    drawWindows(await realSeriesOf(run), sizesOf(run).spiked)
      .filter(({ gap }) => gap === GAPS[0]),
  );
  const rows = spiked.map(({ values }) => values);
  const outliers: Kept["tests"]["outliers"] = {
    series: spiked.length,
    model: f1Of(spiked, await outliersOf(model, rows)),
    medianFilter: f1Of(spiked, rows.map(byMedianFilter)),
  };
  model.dispose();
  const float = await trainedModel(run);
  const float32 = await testedBy(float, windows);
  float.dispose();
  const found: Kept["tests"] = {
    ...{ steps, int8, float32, milliseconds, outliers },
  };
  await writeJSON(`${run.folder}/tests.json`, found);
  run.say(
    `error ${errorFigure(int8).value.toFixed(3)} in int8, ${
      errorFigure(float32).value.toFixed(3)
    } in float32`,
  );
}

/** Trains and tests the twins, each from every seed; those that are done are left out. */
async function twins(run: ModelRun): Promise<void> {
  const { twinSteps, twinSeeds, twinsTested } = sizesOf(run);
  const windows = drawWindows(await realSeriesOf(run), twinsTested);
  const found: Record<string, Kept["twins"][string]> = {};
  for (let seed = 1; seed <= twinSeeds; seed++) {
    for (const [name, { options, isCausal }] of Object.entries(TWINS)) {
      const model = gapsModel({ ...OPTIONS, ...options }, seed);
      const { steps, parameters } = await trainedOn({
        ...{ model, highestRate: RATE, seed, steps: twinSteps },
        draw: isCausal
          ? (length, random) => ended(drawn(length, random))
          : drawn,
        folder: `${run.folder}/twins/${name.replaceAll(" ", "-")}-${seed}`,
      }, { ...run, minutes: undefined });
      const answers = await filledOf(
        model,
        windows.map((window) => isCausal ? givenBefore(window) : window.given),
      );
      model.dispose();
      const twin = found[name] ?? { parameters, steps, seeds: [] };
      const own = tested(windows, answers);
      found[name] = { ...twin, seeds: [...twin.seeds, own] };
      run.say(
        `twin ${name}, seed ${seed}, ${steps} steps: error ${
          errorFigure(own).value.toFixed(3)
        }`,
      );
      await writeJSON(`${run.folder}/twins.json`, found);
    }
  }
}

/** Goes on with the package's training on a user's own series, if there are any. */
async function tune(run: ModelRun): Promise<void> {
  if (run.data === undefined && !run.isSmoke) {
    return run.say("nothing to tune without --data FILE");
  }
  const { train, test } = splitSeries(
    run.data === undefined ? madeUpSeries() : await readOwnSeries(run.data),
  );
  const windows = drawWindows(test, run.tested ?? sizesOf(run).tested);
  const { model } = await fromPretrained(run.target);
  const before = errorFigure(await testedBy(model, windows));
  await trainedOn({
    ...{ model, draw: drawnFrom(train), seed: SEED },
    steps: run.steps ?? sizesOf(run).tuneSteps,
    // The weights know much already.
    highestRate: RATE / 10,
    folder: `${run.folder}/tuning`,
  }, run);
  const after = errorFigure(await testedBy(model, windows));
  const folder = `${run.folder}/tuned/`;
  await save(new URL(folder, `file://${Deno.cwd()}/`), model);
  model.dispose();
  run.say(
    `error on later parts of these series: ${before.value.toFixed(3)} before, ${
      after.value.toFixed(3)
    } after; the model is in ${folder}`,
  );
}

/** Writes the card, and what is made from it. */
async function card(run: ModelRun): Promise<void> {
  const read = async <T>(name: string) =>
    await readJSON<T>(`${run.folder}/${name}.json`);
  await writeCard(
    await cardOf({
      trained: (await read<Trained>("training/result"))!,
      tests: (await read<Kept["tests"]>("tests"))!,
      baselines: await read<Kept["baselines"]>("baselines") ?? {},
      twins: await read<Kept["twins"]>("twins") ?? {},
      options: OPTIONS,
      seed: SEED,
    }, run),
    run,
  );
}

/** The package of gaps. */
export const gaps: ModelRecipe = {
  title: "gaps in series of numbers",
  target: "models/gaps/",
  stages: { data, baselines, train: training, pack, test, twins, tune, card },
};
