/** Recipes as they are published, on the published files, which are the user's. @module */
import type { Dataset } from "@lionjs/lion/data";
import type { Folders, NeededFiles } from "../needed_files.ts";
import type { OpenRecipe, Recipe, Setting, TrainingPlan } from "../recipe.ts";

/** What a command line says of a recipe of the paper's. */
export interface PaperChoice {
  /** The size of its models. @default the first of its sizes */
  readonly size?: string | undefined;
  /** Which of its tasks. @default the usual one, or all of them, one after another */
  readonly task?: string | undefined;
  /** Examples of a step. @default as published */
  readonly batchSize?: number | undefined;
  /** Parts of a batch, one after another, whose gradients are added. @default the recipe's */
  readonly accumulate?: number | undefined;
  /** A model to go on from: a folder, or a repository of the hub. */
  readonly from?: string | undefined;
  /** A model that teaches: a folder, or a repository of the hub. */
  readonly teacher?: string | undefined;
}

/** A recipe of the paper's by its name, and what was chosen of it. */
export interface ChosenRecipe extends PaperChoice {
  readonly name: string;
}

/** The options that name a model. */
export type ModelOption = "from" | "teacher";

/** A recipe of the paper's, before its size and its task are chosen. */
export interface PaperRecipe {
  /** What `--size` chooses from, the default first; none where there is one. */
  readonly sizes?: readonly string[];
  /** What `--task` chooses from, those that others go on from first; none where there is one. */
  readonly tasks?: readonly string[];
  /** The task that is meant without `--task`. @default all of them */
  readonly usualTask?: string;
  /** Which models it may be given. @default none */
  readonly takes?: readonly ModelOption[];
  /**
   * The recipe.
   *
   * @throws {RangeError} If it cannot be trained so; the message names the option.
   */
  of(choice: PaperChoice): Recipe;
}

/** The name of a recipe with its task and its size, unless they are the usual ones: so its results are called. */
export function variantName(
  name: string,
  { sizes: [usual] = [], tasks = [], usualTask }: Pick<
    PaperRecipe,
    "sizes" | "tasks" | "usualTask"
  >,
  { size = usual, task = usualTask ?? tasks[0] }: Pick<
    PaperChoice,
    "size" | "task"
  >,
): string {
  const parts = [
    name,
    task === usualTask ? undefined : task,
    size === usual ? undefined : size,
  ];
  return parts.filter((part) => part !== undefined).join("-");
}

/** How it is run: as published, or to see that everything runs. */
export type PaperSetting = Exclude<Setting, "quick">;

/** A recipe on files of the user's; one training of each contender, at the published rate. */
export function paperRecipe(
  { files, plan, open, ...own }:
    & Omit<Recipe, "plan" | "open">
    & {
      readonly files: NeededFiles;
      readonly plan: Omit<TrainingPlan, "rates"> & { readonly rate: number };
      open(setting: PaperSetting, folders: Folders): Promise<OpenRecipe>;
    },
): Recipe {
  const { rate, seeds = 1, ...rest } = plan;
  return {
    ...own,
    files,
    plan: { paper: { ...rest, rates: [rate], seeds } },
    open(setting, folders) {
      if (folders) {
        return open(setting === "smoke" ? setting : "paper", folders);
      }
      throw new RangeError(
        `folders of "${own.title}" should be given, got none`,
      );
    },
  };
}

/**
 * The examples of each part of a batch.
 *
 * @throws {RangeError} If the parts are not equal.
 */
export function partOfBatch(batchSize: number, accumulate: number): number {
  if (batchSize % accumulate === 0) return batchSize / accumulate;
  throw new RangeError(
    `--accumulate should divide the batch size, ${batchSize}, got ${accumulate}`,
  );
}

/** Says what of the files is not as many as published, for which steps are counted. */
export function remarksOn(
  counts:
    readonly (readonly [what: string, found: number, published: number])[],
): string[] {
  return counts.filter(([, found, published]) => found !== published).map(
    ([what, found, published]) =>
      `The files have ${found} ${what}, where those published have ${published}; steps are as published.`,
  );
}

/** The examples of a data set from the first on, so many at the most. */
export function firstExamples<E>(data: Dataset<E>, count: number): Dataset<E> {
  return {
    size: Math.min(count, data.size),
    get: (index) => data.get(index),
  };
}

/** How many equal parts a batch is divided into, so that none has more examples than so many. */
export function partsFor(batchSize: number, most: number): number {
  let parts = Math.ceil(batchSize / most);
  while (batchSize % parts !== 0) parts++;
  return parts;
}

/** Examples that the smoke setting takes, of files that may have millions. */
export const FEW = 32;
