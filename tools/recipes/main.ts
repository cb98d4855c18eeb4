/**
 * Trains the contenders of recipes under the protocol: `deno task train NAME`.
 *
 * @module
 */
import { type BackendName, useBackend } from "@lionjs/lion";
import { stopSignal } from "@lionjs/lion/notebook";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
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
import { RECIPES } from "./recipes.ts";
import { folderOf, runRecipe } from "./run_recipe.ts";
import { TrainingWorkers } from "./training_workers.ts";

const ALL = "all";

const USAGE = `Usage: deno task train RECIPE [options]

Recipes: ${Object.keys(RECIPES).join(", ")},
or ${ALL} of them (classify goes on from what mlm has trained)

  --plan              print what would be trained and how long it takes, by some
                      steps of each contender, and train nothing
  --paper             the published sizes, which need a GPU and days
  --only NAMES        of the contenders, or of all recipes, separated by commas
  --seeds N           default the recipe's, mostly 5
  --backend NAME      webgpu, wasm or cpu
  --at-once N         models that are trained at once, each on its share of the
                      cores; default all cores, and 1 on webgpu
  --folder FOLDER     of logs, models and results; default ${outPath("train")}
  --help              print this

A run that was stopped goes on where it was, when started again; trainings that
have ended are read, and only the times of steps are measured anew. Ctrl-C stops
after a step. \`deno task results\` makes docs/results.md of the results.`;

interface Options {
  readonly recipes: readonly PlannedRecipe[];
  readonly plansOnly: boolean;
  readonly backend: BackendName | undefined;
  /** `undefined` for what suits the backend. */
  readonly atOnce: number | undefined;
  readonly folder: string;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    plan: { type: "boolean", default: false },
    paper: { type: "boolean", default: false },
    only: { type: "string" },
    seeds: { type: "string" },
    backend: { type: "string" },
    "at-once": { type: "string" },
    folder: { type: "string", default: outPath("train") },
  }, (values, rest) => {
    const { plan, paper, only, seeds, backend, folder } = values;
    const atOnce = values["at-once"];
    const names = Object.keys(RECIPES);
    const chosen = oneOf("RECIPE", rest.join(" "), [...names, ALL]);
    const recipes = (chosen === ALL ? names : [chosen]).map((name) =>
      planned(
        name,
        RECIPES[name]!,
        paper ? "paper" : "quick",
        seeds === undefined ? undefined : positiveInteger("--seeds", seeds),
      )
    );
    return {
      recipes: only === undefined ? recipes : limited(recipes, chosen, only),
      plansOnly: plan,
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      atOnce: atOnce === undefined
        ? undefined
        : positiveInteger("--at-once", atOnce),
      folder,
    };
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

async function main(options: Options): Promise<void> {
  const { recipes, plansOnly, folder, backend: name } = options;
  const signal = stopSignal();
  const backend = await useBackend(name ? { prefer: [name] } : {});
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
  const {
    atOnce = backend.name === "webgpu" ? 1 : navigator.hardwareConcurrency,
  } = options;
  const time = new TimeLeft(estimates, atOnce);
  const command = ["deno task train", ...Deno.args].join(" ");
  for (const planned of recipes) {
    const { name, setting, recipe: { title } } = planned;
    console.log(`${title} on ${backend.name}`);
    using workers = atOnce === 1 ? undefined : new TrainingWorkers({
      ...{ atOnce, backend, folder, recipe: name, setting },
    });
    const file = await runRecipe(planned, {
      ...{ folder, command, backend, signal },
      ...workers ? { trainer: workers } : {},
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

await main(await readOptions());
// Workers of a backend must not keep the process.
Deno.exit(0);
