/** A training as names and numbers, for another thread or another process. @module */
import type { Folders } from "./needed_files.ts";
import type { ChosenRecipe } from "./paper/paper_recipe.ts";
import { contendersOf, type OpenRecipe, type Setting } from "./recipe.ts";
import { recipeNamed } from "./recipes.ts";
import { folderOf } from "./run_recipe.ts";
import type { TrainingCall } from "./training.ts";

/** Of whose trainings it is one. */
export interface TaskPlace {
  /** Of results, logs and checkpoints. */
  readonly folder: string;
  /** The recipe, as its results are called. */
  readonly recipe: string;
  readonly setting: Setting;
  /** What was chosen of a recipe of the paper's. */
  readonly chosen?: ChosenRecipe;
  /** Where its files are. */
  readonly folders?: Folders;
}

/** What to train. */
export interface TrainingTask {
  readonly place: TaskPlace;
  readonly contender: string;
  readonly seed: number;
  readonly steps: number;
  readonly rate: number;
  readonly validations: number;
  readonly folder: string;
  readonly isFinal: boolean;
}

/** A training as it can be told. */
export function taskOf(
  { choice, validations, folder, isFinal }: TrainingCall,
  place: TaskPlace,
): TrainingTask {
  const { contender, seed, steps, rate } = choice;
  return {
    ...{ place, contender: contender.name },
    ...{ seed, steps, rate, validations, folder, isFinal },
  };
}

/** The recipe that was opened last: its data are read once. */
let opened: { readonly key: string; readonly open: Promise<OpenRecipe> };

/** The training that was told. */
export async function callOf(
  { place, contender: wanted, ...task }: TrainingTask,
): Promise<Omit<TrainingCall, "signal" | "progress">> {
  const { setting, chosen, folders } = place;
  const recipe = recipeNamed(chosen ?? { name: place.recipe });
  const key = JSON.stringify(place);
  if (opened?.key !== key) {
    opened = { key, open: recipe.open(setting, folders) };
  }
  const contender = contendersOf(recipe, setting)
    .find(({ name }) => name === wanted)!;
  const { seed, steps, rate, ...others } = task;
  return {
    ...others,
    open: await opened.open,
    choice: { contender, seed, steps, rate, folderOf: folderOf(place) },
  };
}
