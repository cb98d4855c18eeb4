/** What `deno task train RECIPE` can be told. @module */
import { type BackendName, lionAttentionLayer } from "@lionjs/lion";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
  wrapped,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
import type { RecipeNames } from "../own_data/own_options.ts";
import type { ChosenRecipe, ModelOption } from "./paper/paper_recipe.ts";
import { chosenName, PAPER_RECIPES } from "./paper/paper_recipes.ts";
import { planned, type PlannedRecipe } from "./plan.ts";
import { recipeNamed, RECIPES } from "./recipes.ts";

const ALL = "all";

/** What can be trained. */
const NAMES = [...Object.keys(RECIPES), ...Object.keys(PAPER_RECIPES), ALL];

/** What can be chosen of recipes of the paper, a line for each. */
function variantLines(kind: "sizes" | "tasks"): string {
  return Object.entries(PAPER_RECIPES).flatMap(([name, { [kind]: variants }]) =>
    variants ? [`${" ".repeat(22)}${name}: ${variants.join(", ")}`] : []
  ).join("\n");
}

const USAGE = `Usage: deno task train RECIPE [options]
       deno task train --data FOLDER [options]

Trains the contenders of a recipe or, with --data and no recipe, a classifier on
your own images or texts: \`deno task train --data --help\` lists its options.

Recipes:

  ${wrapped(Object.keys(RECIPES), 2)}

or ${ALL} of them (classify continues from mlm's models, and distillation from
those of images-fashion-longer). In the quick setting ${ALL} leaves out

  ${wrapped(Object.keys(RECIPES).filter((name) => RECIPES[name]!.leftOut), 2)}

The paper's recipes as published, on the published files, which you provide
(${ALL} includes them with --smoke; glue continues from c4-mlm's models):

  ${wrapped(Object.keys(PAPER_RECIPES), 2)}

  --data FOLDER       where their files are; without it, a recipe says which files
                      it looks for, and where to get them
  --hub               download them from the Hugging Face hub
  --size NAME         size of their models; the first by default:
${variantLines("sizes")}
  --task NAME         which of their tasks; by default all of glue's, and the first
                      of each other recipe, whose other tasks are ablations:
${variantLines("tasks")}
  --from MODEL        a model to continue from: its folder, or its name on the hub
  --teacher MODEL     the same, for --task distillation of imagenet
  --batch-size N      examples per step (default: as published). The rates of
                      imagenet and cifar100 scale with it, as in the authors' code
  --accumulate N      split each batch into N parts, to need less memory

Options of all recipes:

  --plan              train nothing, but print what would be trained, and estimate
                      time and memory from a few steps of each contender; missing
                      files are made up
  --paper             the published sizes, which need a GPU and days
  --smoke             a few steps on a few examples, to see that everything runs;
                      missing files are made up, and removed
  --only NAMES        only these contenders, or recipes of all, separated by commas
  --seeds N           number of seeds (default: the recipe's, mostly 5, or as
                      published)
  --backend NAME      webgpu, wasm or cpu
  --at-once N         models to train at a time, each on its share of the cores
                      (default: one per core, and 1 on webgpu)
  --ranks WHAT        under mpirun: all ranks train one model at a time, and share
                      data (the examples of a batch) or sequence (their tokens,
                      which leaves out contenders that need all of them)
  --folder FOLDER     for logs, models and results (default ${outPath("train")})
  --help              print this

A stopped run continues when started again; finished models are not trained
again, and only the times of steps are measured anew. Ctrl-C stops after the
current step. \`deno task results\` makes docs/results.md from the results.`;

/** What is trained, and how. */
export interface Options {
  readonly recipes: readonly PlannedRecipe[];
  readonly plansOnly: boolean;
  /** The folder of the user's files. */
  readonly data: string | undefined;
  /** Whether they are downloaded. */
  readonly hub: boolean;
  readonly backend: BackendName | undefined;
  /** `undefined` for what suits the backend. */
  readonly atOnce: number | undefined;
  /** What ranks share; `undefined` for one process. */
  readonly ranks: "data" | "sequence" | undefined;
  readonly folder: string;
}

/** Options of recipes that read files of the user's. */
const FILE_OPTIONS = {
  data: { type: "string" },
  hub: { type: "boolean" },
  size: { type: "string" },
  task: { type: "string" },
  from: { type: "string" },
  teacher: { type: "string" },
  "batch-size": { type: "string" },
  accumulate: { type: "string" },
} as const;

/** As `node:util` has them. */
const OPTIONS = {
  ...FILE_OPTIONS,
  plan: { type: "boolean", default: false },
  paper: { type: "boolean", default: false },
  smoke: { type: "boolean", default: false },
  only: { type: "string" },
  seeds: { type: "string" },
  backend: { type: "string" },
  "at-once": { type: "string" },
  ranks: { type: "string" },
  folder: { type: "string", default: outPath("train") },
} as const;

/** By what a command line of recipes is told from one of own data. */
export const RECIPE_NAMES: RecipeNames = { names: NAMES, options: OPTIONS };

/** Reads the command line, or explains it and ends. */
export function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, OPTIONS, (values, rest) => {
    const { plan, only, seeds, backend, folder, data, hub = false } = values;
    const ranks = values.ranks === undefined
      ? undefined
      : oneOf("--ranks", values.ranks, ["data", "sequence"] as const);
    const atOnce = values["at-once"];
    const named = oneOf("RECIPE", rest.join(" "), NAMES);
    const wanted = named === ALL ? allOf(values) : chosenOf(named, values);
    const recipes = wanted.map((chosen) =>
      plannedOf(
        chosen,
        values,
        seeds === undefined ? undefined : positiveInteger("--seeds", seeds),
      )
    );
    const limits = only === undefined
      ? recipes
      : limited(recipes, named === ALL, only);
    return {
      recipes: ranks === "sequence" ? limits.map(ofSharedTokens) : limits,
      ...{ ranks, plansOnly: plan, data, hub, folder },
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      atOnce: atOnce === undefined
        ? undefined
        : threadCount("--at-once", atOnce),
    };
  });
}

/** Which of the settings. */
interface SettingValues {
  readonly paper: boolean;
  readonly smoke: boolean;
}

/** What is said of recipes that read files of the user's. */
type FileValues = {
  readonly [name in keyof typeof FILE_OPTIONS]?:
    | (name extends "hub" ? boolean : string)
    | undefined;
};

/** A recipe, and what was chosen of it if it is the paper's; one for each of its tasks. */
export function chosenOf(name: string, values: FileValues): ChosenRecipe[] {
  const recipe = PAPER_RECIPES[name];
  if (!recipe) {
    assertNoneGiven(values);
    return [{ name }];
  }
  const { data, hub, size, accumulate, from, teacher } = values;
  if (data !== undefined && hub) {
    throw new RangeError("--hub should be without --data, got both");
  }
  for (const option of ["from", "teacher"] as const) {
    if (values[option] === undefined || recipe.takes?.includes(option)) {
      continue;
    }
    throw new RangeError(
      `--${option} should not be with ${name}, ${WITHOUT[option]}`,
    );
  }
  const batchSize = values["batch-size"];
  const task = variantOf("--task", values.task, name, recipe.tasks);
  return tasksOf(name, task).map((task) => ({
    ...{ name, task, from, teacher },
    size: variantOf("--size", size, name, recipe.sizes),
    batchSize: batchSize === undefined
      ? undefined
      : positiveInteger("--batch-size", batchSize),
    accumulate: accumulate === undefined
      ? undefined
      : positiveInteger("--accumulate", accumulate),
  }));
}

/** What is to be said of recipes that do not take a model. */
const WITHOUT: Readonly<Record<ModelOption, string>> = {
  from: "whose models begin anew",
  teacher: "whose models have no teacher",
};

/** The task that is chosen, or the usual one, or all of a recipe of the paper's. */
function tasksOf(
  name: string,
  task: string | undefined,
): readonly (string | undefined)[] {
  const { tasks = [task], usualTask } = PAPER_RECIPES[name]!;
  const wanted = task ?? usualTask;
  return wanted === undefined ? tasks : [wanted];
}

/** Throws for an option of the paper's recipes. */
function assertNoneGiven(values: FileValues): void {
  for (const name of Object.keys(FILE_OPTIONS)) {
    if (values[name as keyof FileValues] === undefined) continue;
    throw new RangeError(
      `--${name} should be with one of ${
        Object.keys(PAPER_RECIPES).join(", ")
      }, which read files of yours`,
    );
  }
}

/** One of those that a recipe has. */
function variantOf(
  option: string,
  text: string | undefined,
  recipe: string,
  variants: readonly string[] | undefined,
): string | undefined {
  if (text === undefined) return undefined;
  if (variants) return oneOf(option, text, variants);
  throw new RangeError(`${option} should not be with ${recipe}, which has one`);
}

/** Plans a recipe, in its setting. */
function plannedOf(
  chosen: ChosenRecipe,
  { paper, smoke }: SettingValues,
  seeds: number | undefined,
): PlannedRecipe {
  if (paper && smoke) {
    throw new RangeError("--smoke should be without --paper, got both");
  }
  const recipe = recipeNamed(chosen);
  const { plan: { quick } } = recipe;
  const setting = smoke ? "smoke" : paper || !quick ? "paper" : "quick";
  const name = chosenName(chosen.name, chosen);
  return { ...planned(name, recipe, setting, seeds), chosen };
}

/** All recipes but those that are left out; says why. */
function allOf(
  { paper, smoke, ...values }: SettingValues & FileValues,
): ChosenRecipe[] {
  assertNoneGiven(values);
  const names = Object.entries(RECIPES).flatMap(([name, { leftOut }]) => {
    if (!leftOut || paper || smoke) return [name];
    console.log(`${name} is left out: ${leftOut}`);
    return [];
  });
  return [
    ...names.map((name) => ({ name })),
    ...(smoke ? Object.keys(PAPER_RECIPES) : []).flatMap((name) =>
      tasksOf(name, undefined).map((task) => ({ name, task }))
    ),
  ];
}

/** Some of all recipes, or some contenders of one. */
function limited(
  recipes: readonly PlannedRecipe[],
  areAll: boolean,
  only: string,
): PlannedRecipe[] {
  if (areAll) {
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
