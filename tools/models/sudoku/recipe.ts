/** The stages of the package of Sudokus. @module */
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  canonicalForm,
  type Level,
  LEVELS,
  type Puzzle,
  solutionOf,
} from "../../../models/sudoku/puzzles/mod.ts";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import type { ModelRecipe, ModelRun } from "../model_recipe.ts";
import { writeCard } from "../card.ts";
import { cardOf, type Kept } from "./card.ts";
import { keptPuzzles, puzzlesByLevel } from "./data.ts";
import { LOSS, OPTIONS, puzzleBatches, sudokuModel } from "./model.ts";
import {
  keptShares,
  seedsOfSudokuGen,
  type Shares,
  solvedShare,
  solverOf,
  type Way,
} from "./testing.ts";
import { loadWeights, type Trained, trained } from "../training.ts";
import { TWINS } from "./twins.ts";

const SEED = 1;

/** Puzzles per step. */
const BATCH_SIZE = 32;

/** What is done with each setting, unless the command line says otherwise. */
const SIZES = {
  smoke: {
    puzzles: 64,
    steps: 3,
    tested: 1,
    ways: 1,
    twinSteps: 2,
    twinSeeds: 1,
    twinsTested: 1,
  },
  /** A night of two cores, and as much for the twins. */
  full: {
    puzzles: 30_000,
    steps: 60_000,
    tested: 250,
    ways: 5,
    twinSteps: 3000,
    twinSeeds: 5,
    twinsTested: 100,
  },
};

const sizesOf = ({ isSmoke }: ModelRun) => SIZES[isSmoke ? "smoke" : "full"];

/** A part of the puzzles that all contenders are tested on. */
function few(
  puzzles: Readonly<Record<Level, readonly Puzzle[]>>,
  count: number,
): Record<Level, readonly Puzzle[]> {
  return Object.fromEntries(
    LEVELS.map((level) => [level, puzzles[level].slice(0, count)]),
  ) as unknown as Record<Level, readonly Puzzle[]>;
}

/** The puzzles to train on, drawn as far as they are not there. */
function trainingPuzzles(run: ModelRun): Promise<Puzzle[]> {
  const { puzzles } = sizesOf(run);
  const file = `${run.folder}/puzzles.txt`;
  return keptPuzzles(file, "train", puzzles, run.signal);
}

const testedOf = (run: ModelRun) => run.tested ?? sizesOf(run).tested;

async function data(run: ModelRun): Promise<void> {
  const puzzles = await trainingPuzzles(run);
  run.say(`${puzzles.length} puzzles to train on`);
}

/** Looks for test puzzles whose solution is the image of one that is trained on. */
async function leaks(run: ModelRun): Promise<void> {
  const puzzles = await trainingPuzzles(run);
  const tested = Object.values(puzzlesByLevel("test", testedOf(run))).flat();
  const known = new Set<string>();
  for (const [i, { solution }] of puzzles.entries()) {
    if (i % 1000 === 0) run.signal.throwIfAborted();
    known.add(canonicalForm(solution));
  }
  const shared = tested.filter(({ solution }) =>
    known.has(canonicalForm(solution))
  );
  const found: Kept["leaks"] = {
    trained: puzzles.length,
    tested: tested.length,
    shared: shared.length,
  };
  await writeJSON(`${run.folder}/leaks.json`, found);
  run.say(`${found.shared} of ${found.tested} test puzzles are trained on`);
}

async function training(run: ModelRun): Promise<void> {
  const model = await sudokuModel(OPTIONS, SEED);
  const result = await trained({
    model,
    data: puzzleBatches(await trainingPuzzles(run), {
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
    `${result.steps} steps, ${result.examples} puzzles, loss ${
      result.loss.toFixed(4)
    }`,
  );
}

/** The trained model in float32. */
async function trainedModel({ folder }: ModelRun): Promise<LayersModel> {
  const model = await sudokuModel(OPTIONS, SEED);
  await loadWeights(model, `${folder}/training/weights.safetensors`);
  return model;
}

/** Writes the weights in int8, and the model's config. */
async function pack(run: ModelRun): Promise<void> {
  const model = await trainedModel(run);
  await savePretrained(run.target, {
    model,
    config: {
      model_type: "lion",
      architecture: "lionEncoder",
      options: OPTIONS,
      task: "sudoku",
    },
    weights: "int8",
  });
  model.dispose();
}

/** The ways whose order is compared, beside the margin's. */
const ORDERS: Readonly<Record<string, readonly Way[]>> = {
  confidence: [{ order: "confidence" }],
  random: [1, 2, 3, 4, 5].map((seed) => ({ order: "random", seed })),
  "left to right": [{ order: "left-to-right" }],
  "all at once": [{ steps: 1 }],
};

/** Solves test puzzles with what is shipped, in several orders, and with float32. */
async function test(run: ModelRun): Promise<void> {
  const { folder, signal } = run;
  const tested = testedOf(run), fewer = Math.ceil(tested / 5);
  const puzzles = puzzlesByLevel("test", tested);
  const { steps } =
    (await readJSON<Trained>(`${folder}/training/result.json`))!;
  const { model } = await fromPretrained(run.target);
  const sharesOf = (name: string, by: LayersModel, way: Way, count: number) =>
    keptShares(
      `${name} after ${steps} steps`,
      solverOf(by, way, signal),
      few(puzzles, count),
      run,
    );
  const margin = await sharesOf("int8", model, {}, tested);
  const orders: Record<string, Shares[]> = {
    margin: [await sharesOf("int8", model, {}, fewer)],
  };
  for (const [order, ways] of Object.entries(ORDERS)) {
    orders[order] = [];
    for (const [i, way] of ways.slice(0, sizesOf(run).ways).entries()) {
      const name = `int8, ${order} ${i + 1}`;
      orders[order].push(await sharesOf(name, model, way, fewer));
    }
  }
  const seeds = await solvedShare(
    solverOf(model, {}, signal),
    run.isSmoke ? seedsOfSudokuGen().slice(0, 1) : seedsOfSudokuGen(),
  );
  model.dispose();
  const float = await trainedModel(run);
  const float32 = await sharesOf("float32", float, {}, tested);
  float.dispose();
  const started = performance.now();
  const all = Object.values(puzzles).flat();
  for (const { clues } of all) solutionOf(clues);
  const searchMilliseconds = (performance.now() - started) / all.length;
  const found: Kept["tests"] = {
    ...{ steps, margin, float32, orders, seeds, searchMilliseconds },
  };
  await writeJSON(`${folder}/tests.json`, found);
}

/** Trains and tests the twins, each from every seed; those that are done are left out. */
async function twins(run: ModelRun): Promise<void> {
  const { twinSteps, twinSeeds, twinsTested } = sizesOf(run);
  const all = await trainingPuzzles(run);
  const puzzles = puzzlesByLevel("test", twinsTested);
  const found: Record<string, Kept["twins"][string]> = {};
  for (let seed = 1; seed <= twinSeeds; seed++) {
    for (const { name, make, batches, loss, solver } of TWINS) {
      const model = await make(seed);
      const folder = `${run.folder}/twins/${name.replaceAll(" ", "-")}-${seed}`;
      const data = batches(all, { batchSize: BATCH_SIZE, seed });
      const task = { model, data, loss, seed, folder };
      const { steps, parameters } = await trained(
        { ...task, batchSize: BATCH_SIZE, steps: twinSteps },
        { ...run, minutes: undefined },
      );
      const shares = await keptShares(
        `twin ${name}, seed ${seed}, ${steps} steps`,
        solver(model, run.signal),
        puzzles,
        run,
      );
      model.dispose();
      const twin = found[name] ?? { parameters, steps, shares: [] };
      found[name] = { ...twin, shares: [...twin.shares, shares] };
      await writeJSON(`${run.folder}/twins.json`, found);
    }
  }
}

/** Writes the card, and the README and the table that are made from it. */
async function card(run: ModelRun): Promise<void> {
  const read = async <T>(name: string) =>
    await readJSON<T>(`${run.folder}/${name}.json`);
  await writeCard(
    await cardOf({
      leaks: await read("leaks"),
      trained: (await read("training/result"))!,
      tests: (await read("tests"))!,
      twins: await read("twins") ?? {},
      options: OPTIONS,
      seed: SEED,
    }, run),
    run,
  );
}

/** The package of Sudokus. */
export const sudoku: ModelRecipe = {
  title: "Sudokus, cell by cell, the surest first",
  target: "models/sudoku/",
  stages: { data, leaks, train: training, pack, test, twins, card },
};
