/**
 * Trains the contenders of a recipe under the protocol: `deno task train NAME`.
 *
 * @module
 */
import { type BackendInfo, type BackendName, useBackend } from "@lionjs/lion";
import { stopSignal } from "@lionjs/lion/notebook";
import { cpus } from "node:os";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
import { runProtocol, SEEDS } from "./protocol.ts";
import {
  type Contender,
  contendersOf,
  isRival,
  type Recipe,
  type TrialChoice,
} from "./recipe.ts";
import { RECIPES } from "./recipes.ts";
import { type RecipeResults, writeJSON } from "./results_file.ts";
import { timeSteps } from "./step_times.ts";

const USAGE = `Usage: deno task train RECIPE [options]

Recipes: ${Object.keys(RECIPES).join(", ")}
(classify goes on from what mlm has trained)

  --paper             the published sizes, which need a GPU and hours
  --only NAMES        of the contenders, separated by commas
  --seeds N           default the recipe's, mostly ${SEEDS}
  --backend NAME      webgpu, wasm or cpu
  --folder FOLDER     of logs, checkpoints and results; default ${
  outPath("train")
}
  --help              print this

A run that was stopped goes on where it was, when started again; trainings that
have ended are read, and only the times of steps are measured anew. Ctrl-C stops
after a step. \`deno task results\` makes docs/results.md of the results.`;

interface Options {
  readonly name: string;
  readonly recipe: Recipe;
  readonly setting: "quick" | "paper";
  readonly contenders: readonly Contender[];
  readonly seeds: number | undefined;
  readonly backend: BackendName | undefined;
  readonly folder: string;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    paper: { type: "boolean", default: false },
    only: { type: "string" },
    seeds: { type: "string" },
    backend: { type: "string" },
    folder: { type: "string", default: outPath("train") },
  }, ({ paper, only, seeds, backend, folder }, rest) => {
    const name = oneOf("RECIPE", rest.join(" "), Object.keys(RECIPES));
    const recipe = RECIPES[name]!;
    const setting = paper ? "paper" : "quick";
    const all = contendersOf(recipe, setting);
    const names = only === undefined
      ? undefined
      : someOf("--only", only, all.map(({ name }) => name));
    return {
      name,
      recipe,
      setting,
      contenders: all.filter(({ name }) => names?.includes(name) ?? true),
      seeds: seeds === undefined
        ? undefined
        : positiveInteger("--seeds", seeds),
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      folder,
    };
  });
}

async function main(options: Options): Promise<void> {
  const { name, recipe, setting, contenders, seeds, backend, folder } = options;
  const signal = stopSignal();
  const info = await useBackend(backend ? { prefer: [backend] } : {});
  console.log(`${recipe.title} on ${info.name}\n${recipe.about}\n`);
  const open = await recipe.open(setting);
  const plan = {
    ...recipe.plan[setting],
    ...(seeds === undefined ? {} : { seeds }),
  };
  const folderOf: TrialChoice["folderOf"] = (recipe, contender, seed) =>
    `${folder}/${recipe}-${setting}/${contender}-${seed}`;
  const { measure } = recipe;
  const record = await runProtocol({
    ...{ recipe: name, open, measure, plan, contenders, folderOf, signal },
    onTraining: (what) => console.log(what),
  });
  if (!record) {
    console.log("stopped; the same command goes on from here");
    return;
  }
  const baselines = await open.baselines();
  console.log("timing steps, in turns");
  const stepMilliseconds = await timeSteps(open, contenders, plan, folderOf);
  console.log(stepMilliseconds);
  const results: RecipeResults = {
    recipe: name,
    title: recipe.title,
    about: recipe.about,
    setting,
    command: ["deno task train", ...Deno.args].join(" "),
    date: new Date().toISOString().slice(0, 10),
    machine: machineOf(info),
    measure,
    reference: recipe.reference,
    rivals: contenders.filter(isRival).map(({ name }) => name),
    floor: open.floor,
    ...record,
    baselines,
    stepMilliseconds,
    published: recipe.published ?? {},
  };
  const file = `${folder}/${name}-${setting}.json`;
  await writeJSON(file, results);
  console.log(`results: ${file}`);
}

function machineOf({ name, adapter }: BackendInfo): string {
  const gpu = adapter ? ` (${adapter.description})` : "";
  return [
    cpus()[0]?.model.trim() ?? "unknown CPU",
    `${navigator.hardwareConcurrency} cores`,
    `${name}${gpu}`,
    `Deno ${Deno.version.deno}`,
  ].join(", ");
}

await main(await readOptions());
// Workers of a backend must not keep the process.
Deno.exit(0);
