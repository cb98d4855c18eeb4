/**
 * Trains the contenders of recipes under the protocol: `deno task train NAME`.
 *
 * @module
 */
import {
  type BackendInfo,
  type BackendName,
  lionAttentionLayer,
  useBackend,
} from "@lionjs/lion";
import { openMpi } from "@lionjs/lion/mpi";
import { stopSignal } from "@lionjs/lion/notebook";
import type { Budget } from "../../bench/measure.ts";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
  wrapped,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
import { isOfOwnData } from "../own_data/own_options.ts";
import { trainOwn } from "../own_data/train_own.ts";
import {
  duration,
  type Estimate,
  estimate,
  PLAN_HEAD,
  planned,
  type PlannedRecipe,
  planText,
  TimeLeft,
  totalOf,
} from "./plan.ts";
import type { EndedTraining } from "./protocol.ts";
import type { Setting } from "./recipe.ts";
import { RECIPES } from "./recipes.ts";
import { folderOf, runRecipe } from "./run_recipe.ts";
import {
  dismiss,
  follow,
  type Together,
  TrainingRanks,
} from "./training_ranks.ts";
import { TrainingWorkers } from "./training_workers.ts";

const ALL = "all";

const CORES = navigator.hardwareConcurrency;

const USAGE = `Usage: deno task train RECIPE [options]
       deno task train --data FOLDER [options]

Trains the contenders of a recipe; or, with --data, a classifier on images or texts
of your own: \`deno task train --data --help\` has the options of that.

Recipes:

  ${wrapped(Object.keys(RECIPES), 2)}

or ${ALL} of them (classify goes on from what mlm has trained, and distillation
from images-fashion-longer). In the quick setting ${ALL} leaves out

  ${wrapped(Object.keys(RECIPES).filter((name) => RECIPES[name]!.leftOut), 2)}

  --plan              print what would be trained and how long it takes, by some
                      steps of each contender, and train nothing
  --paper             the published sizes, which need a GPU and days
  --smoke             a few steps on a few examples, to see that everything runs
  --only NAMES        of the contenders, or of all recipes, separated by commas
  --seeds N           default the recipe's, mostly 5
  --backend NAME      webgpu, wasm or cpu
  --at-once N         models that are trained at once, each on its share of the
                      cores; default all cores, and 1 on webgpu
  --ranks WHAT        under mpirun: all ranks train one model at a time, and share
                      data (the examples of a batch) or sequence (their tokens,
                      which leaves out contenders that need all of them)
  --folder FOLDER     of logs, models and results; default ${outPath("train")}
  --help              print this

A run that was stopped goes on where it was, when started again; trainings that
have ended are read, and only the times of steps are measured anew. Ctrl-C stops
after a step. \`deno task results\` makes docs/results.md of the results.`;

/** Steps are timed to see that they can be. */
const ONCE: Budget = { milliseconds: 0, fewest: 1, most: 1, warmUp: 0 };

interface Options {
  readonly recipes: readonly PlannedRecipe[];
  readonly plansOnly: boolean;
  readonly backend: BackendName | undefined;
  /** `undefined` for what suits the backend. */
  readonly atOnce: number | undefined;
  /** What ranks share; `undefined` for one process. */
  readonly ranks: "data" | "sequence" | undefined;
  readonly folder: string;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    plan: { type: "boolean", default: false },
    paper: { type: "boolean", default: false },
    smoke: { type: "boolean", default: false },
    only: { type: "string" },
    seeds: { type: "string" },
    backend: { type: "string" },
    "at-once": { type: "string" },
    ranks: { type: "string" },
    folder: { type: "string", default: outPath("train") },
  }, (values, rest) => {
    const { plan, only, seeds, backend, folder } = values;
    const ranks = values.ranks === undefined
      ? undefined
      : oneOf("--ranks", values.ranks, ["data", "sequence"] as const);
    const atOnce = values["at-once"];
    const names = Object.keys(RECIPES);
    const chosen = oneOf("RECIPE", rest.join(" "), [...names, ALL]);
    const setting = settingOf(values);
    const recipes = (chosen === ALL ? allOf(setting) : [chosen]).map((name) =>
      planned(
        name,
        RECIPES[name]!,
        setting,
        seeds === undefined ? undefined : positiveInteger("--seeds", seeds),
      )
    );
    const wanted = only === undefined
      ? recipes
      : limited(recipes, chosen, only);
    return {
      recipes: ranks === "sequence" ? wanted.map(ofSharedTokens) : wanted,
      ranks,
      plansOnly: plan,
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      atOnce: atOnce === undefined
        ? undefined
        : threadCount("--at-once", atOnce),
      folder,
    };
  });
}

function settingOf(
  { paper, smoke }: { readonly paper: boolean; readonly smoke: boolean },
): Setting {
  if (paper && smoke) {
    throw new RangeError("--smoke should be without --paper, got both");
  }
  return paper ? "paper" : smoke ? "smoke" : "quick";
}

/** All recipes but those that are left out; says why. */
function allOf(setting: Setting): string[] {
  return Object.entries(RECIPES).flatMap(([name, { leftOut }]) => {
    if (!leftOut || setting !== "quick") return [name];
    console.log(`${name} is left out: ${leftOut}`);
    return [];
  });
}

/** Some of all recipes, or some contenders of one. */
function limited(
  recipes: readonly PlannedRecipe[],
  chosen: string,
  only: string,
): PlannedRecipe[] {
  if (chosen === ALL) {
    const names = someOf("--only", only, recipes.map(({ name }) => name));
    return recipes.filter(({ name }) => names.includes(name));
  }
  return recipes.map(({ contenders, ...recipe }) => {
    const names = someOf("--only", only, contenders.map(({ name }) => name));
    return {
      ...recipe,
      contenders: contenders.filter(({ name }) => names.includes(name)),
    };
  });
}

/** A recipe without the contenders that need all tokens of a sequence. */
function ofSharedTokens(recipe: PlannedRecipe): PlannedRecipe {
  const contenders = recipe.contenders.filter(({ options: { variant } }) =>
    !variant || lionAttentionLayer({ numHeads: 1, variant }).mixer.sharesTokens
  );
  return { ...recipe, contenders };
}

/** Trains with all ranks of the job. */
async function mainOfRanks(
  options: Options,
  ranks: "data" | "sequence",
): Promise<void> {
  const communicator = openMpi();
  const together = { communicator, ranks };
  const signal = stopSignal();
  const threads = Math.floor(CORES / communicator.size);
  const backend = await useBackend({
    ...options.backend ? { prefer: [options.backend] } : {},
    threads: Math.max(1, threads),
  });
  if (communicator.rank > 0) {
    await follow(together, signal);
  } else {
    console.log(`${communicator.size} ranks share ${ranks}`);
    await run(options, { signal, backend, together });
    await dismiss(communicator);
  }
  await communicator.close();
}

async function main(options: Options): Promise<void> {
  if (options.ranks) return await mainOfRanks(options, options.ranks);
  const signal = stopSignal();
  const name = options.backend;
  const backend = await useBackend(name ? { prefer: [name] } : {});
  await run(options, { signal, backend });
}

/** Plans, and trains what is planned. */
async function run(
  options: Options,
  { signal, backend, together }: {
    readonly signal: AbortSignal;
    readonly backend: BackendInfo;
    readonly together?: Together;
  },
): Promise<void> {
  const { recipes, plansOnly, folder } = options;
  const estimates: Estimate[] = [];
  console.log(PLAN_HEAD);
  for (const planned of recipes) {
    if (signal.aborted) return;
    const { setting } = planned;
    const own = await estimate(planned, folderOf({ folder, setting }));
    console.log(planText(own));
    estimates.push(...own);
  }
  const all = duration(totalOf(estimates));
  console.log(`${all} in all, one after the other, tests not counted\n`);
  if (plansOnly) return;
  const { atOnce = backend.name === "webgpu" ? 1 : CORES } = together
    ? { atOnce: 1 }
    : options;
  const time = new TimeLeft(estimates, atOnce);
  const command = ["deno task train", ...Deno.args].join(" ");
  for (const planned of recipes) {
    const { name, setting, recipe: { title } } = planned;
    console.log(`${title} on ${backend.name}`);
    const place = { folder, recipe: name, setting };
    using workers = atOnce === 1
      ? undefined
      : new TrainingWorkers({ ...place, atOnce, backend });
    const trainer = together ? new TrainingRanks(together, place) : workers;
    const file = await runRecipe(planned, {
      ...{ folder, command, backend, signal },
      ...trainer ? { trainer } : {},
      ...setting === "smoke" ? { timing: ONCE } : {},
      onTraining(ended) {
        time.ended(name, ended);
        console.log(`${lineOf(ended)}; ${duration(time.left)} left for all`);
      },
    });
    if (file === undefined) {
      console.log("stopped; the same command goes on from here");
      return;
    }
    console.log(`results: ${file}\n`);
  }
}

/** What a training came to. */
function lineOf(
  { contender, seed, rate, isTry, curve, divergedAt, milliseconds, figures }:
    EndedTraining,
): string {
  const what = isTry ? "trying" : `seed ${seed},`;
  const means = divergedAt === undefined
    ? isTry ? curve.at(-1)!.means : figures
    : {};
  const reached = Object.entries(means)
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  return [
    `${contender}, ${what} rate ${rate}: ${
      divergedAt === undefined ? reached.join(", ") : "diverged"
    }`,
    milliseconds === undefined
      ? "read"
      : `${(milliseconds / 1000).toFixed(0)} s`,
  ].join("; ");
}

if (isOfOwnData(Deno.args)) await trainOwn();
else await main(await readOptions());
// Workers of a backend must not keep the process.
Deno.exit(0);
