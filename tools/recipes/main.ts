/**
 * Trains the contenders of a recipe with several seeds: `deno task train NAME`.
 *
 * @module
 */
import { type BackendName, useBackend } from "@lionjs/lion";
import { stopSignal } from "@lionjs/lion/notebook";
import { train } from "@lionjs/lion/training";
import { cpus } from "node:os";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
import type { Contender, Figures, OpenRecipe, Recipe } from "./recipe.ts";
import { RECIPES } from "./recipes.ts";
import type { RecipeResults, TrialResult } from "./results.ts";
import { timeSteps } from "./step_times.ts";

const USAGE = `Usage: deno task train RECIPE [options]

Recipes: ${Object.keys(RECIPES).join(", ")}
(classify goes on from what mlm has trained)

  --paper             the published sizes, which need a GPU and hours
  --only NAMES        of the contenders, separated by commas
  --seeds N           default 3
  --backend NAME      webgpu, wasm or cpu
  --folder FOLDER     of logs, checkpoints and results; default ${
  outPath("train")
}
  --help              print this

A run that was stopped goes on where it was, when started again; trials that
have ended are read, and only the times of steps are measured anew. Ctrl-C stops
after a step. \`deno task results\` makes docs/results.md of the results.`;

interface Options {
  readonly name: string;
  readonly recipe: Recipe;
  readonly setting: "quick" | "paper";
  readonly contenders: readonly Contender[];
  readonly seeds: number;
  readonly backend: BackendName | undefined;
  readonly folder: string;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    paper: { type: "boolean", default: false },
    only: { type: "string" },
    seeds: { type: "string", default: "3" },
    backend: { type: "string" },
    folder: { type: "string", default: outPath("train") },
  }, ({ paper, only, seeds, backend, folder }, rest) => {
    const name = oneOf("RECIPE", rest.join(" "), Object.keys(RECIPES));
    const recipe = RECIPES[name]!;
    const names = only === undefined ? undefined : someOf(
      "--only",
      only,
      recipe.contenders.map(({ name }) => name),
    );
    return {
      name,
      recipe,
      setting: paper ? "paper" : "quick",
      contenders: recipe.contenders.filter(({ name }) =>
        names?.includes(name) ?? true
      ),
      seeds: positiveInteger("--seeds", seeds),
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      folder,
    };
  });
}

/** Where the trials of each recipe are. */
function folders({ folder, setting }: Options): (recipe: string) => string {
  return (recipe) => `${folder}/${recipe}-${setting}`;
}

/** Trains one contender with one seed, or reads what it once reached. */
async function runTrial(
  options: Options,
  open: OpenRecipe,
  contender: Contender,
  seed: number,
  signal: AbortSignal,
): Promise<TrialResult | undefined> {
  const folderOf = folders(options);
  const place = `${folderOf(options.name)}/${contender.name}-${seed}`;
  const resultFile = `${place}/result.json`;
  try {
    return JSON.parse(await Deno.readTextFile(resultFile));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(place, { recursive: true });
  const trial = await open.trial({ contender, seed, folderOf });
  const { model, data, test } = trial;
  const started = performance.now();
  const { aborted, steps } = await train(model, data, {
    ...trial.options,
    seed,
    signal,
    checkpoints: { folder: `${place}/checkpoints`, keep: 1, resume: true },
    log: `${place}/log.jsonl`,
  });
  const seconds = (performance.now() - started) / 1000;
  if (aborted) return undefined;
  const figures: Figures = await test();
  const parameters = model.countParams();
  model.dispose();
  const result = {
    contender: contender.name,
    seed,
    steps,
    parameters,
    seconds,
    figures,
  };
  await Deno.writeTextFile(resultFile, JSON.stringify(result, null, 2) + "\n");
  return result;
}

async function main(options: Options): Promise<void> {
  const { name, recipe, setting, contenders, seeds, backend, folder } = options;
  const signal = stopSignal();
  const info = await useBackend(backend ? { prefer: [backend] } : {});
  console.log(`${recipe.title} on ${info.name}\n${recipe.about}\n`);
  const open = await recipe.open(setting);
  const trials: TrialResult[] = [];
  // Seed by seed, so that a slow hour of the machine falls on all contenders.
  for (let seed = 1; seed <= seeds; seed++) {
    for (const contender of contenders) {
      console.log(`${contender.name}, seed ${seed}`);
      const result = await runTrial(
        options,
        open,
        contender,
        seed,
        signal,
      );
      if (!result) {
        console.log("stopped; the same command goes on from here");
        return;
      }
      trials.push(result);
      const seconds = result.seconds.toFixed(0);
      console.log(`  ${seconds} s`, result.figures);
    }
  }
  console.log("timing steps, in turns");
  const stepMilliseconds = await timeSteps(
    open,
    contenders,
    folders(options),
  );
  console.log(stepMilliseconds);
  const results: RecipeResults = {
    recipe: name,
    title: recipe.title,
    about: recipe.about,
    percent: recipe.percent,
    command: ["deno task train", ...Deno.args].join(" "),
    date: new Date().toISOString().slice(0, 10),
    machine: `${
      cpus()[0]?.model.trim() ?? "unknown CPU"
    }, ${navigator.hardwareConcurrency} cores, ${info.name}${
      info.adapter ? ` (${info.adapter.description})` : ""
    }, Deno ${Deno.version.deno}`,
    baselines: open.baselines,
    trials,
    stepMilliseconds,
    published: recipe.published ?? {},
  };
  const file = `${folder}/${name}-${setting}.json`;
  await Deno.writeTextFile(file, JSON.stringify(results, null, 2) + "\n");
  console.log(`results: ${file}`);
}

await main(await readOptions());
// Workers of a backend must not keep the process.
Deno.exit(0);
