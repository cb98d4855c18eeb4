/** What is to be trained, what it will take, and what is left of it. @module */
import { evaluate } from "@lionjs/lion/training";
import { stopwatch } from "../../bench/measure/timing.ts";
import { peakBytesOf } from "../../bench/measure/tensors.ts";
import { type Folders, MissingFiles } from "./needed_files.ts";
import type { ChosenRecipe } from "./paper/paper_recipe.ts";
import {
  type EndedTraining,
  type ProtocolCall,
  ratesOf,
  searchSeedsOf,
  seedsOf,
  triedRates,
} from "./protocol.ts";
import {
  type Contender,
  contendersOf,
  type OpenRecipe,
  planOf,
  type Recipe,
  type Setting,
  type TrainingPlan,
  type Trial,
  validationsOf,
} from "./recipe.ts";
import { timeTraining } from "./step_times.ts";

/** A recipe that is to be run. */
export interface PlannedRecipe {
  /** As its results are called. */
  readonly name: string;
  readonly recipe: Recipe;
  readonly setting: Setting;
  readonly plan: TrainingPlan;
  readonly contenders: readonly Contender[];
  /** What was chosen of a recipe of the paper's. */
  readonly chosen?: ChosenRecipe;
  /** Where its files are. */
  readonly folders?: Folders;
}

/**
 * Opens a recipe that is to be run.
 *
 * @throws {MissingFiles} If files of the user's are not what it reads.
 */
export async function opened(
  { name, recipe, setting, chosen, folders }: PlannedRecipe,
): Promise<OpenRecipe> {
  try {
    return await recipe.open(setting, folders);
  } catch (cause) {
    if (!recipe.files || !(cause instanceof Error)) throw cause;
    const asked = chosen?.name ?? name;
    throw new MissingFiles(asked, recipe.files, cause.message, { cause });
  }
}

/** Plans a recipe; the seeds of its own plan, unless others are given. */
export function planned(
  name: string,
  recipe: Recipe,
  setting: Setting,
  seeds?: number,
): PlannedRecipe {
  return {
    ...{ name, recipe, setting },
    plan: {
      ...planOf(recipe, setting),
      ...(seeds === undefined ? {} : { seeds }),
    },
    contenders: contendersOf(recipe, setting),
  };
}

/** What a contender's trainings will take. */
export interface Estimate {
  readonly recipe: string;
  readonly contender: string;
  /** Of a step. */
  readonly stepMilliseconds: number;
  /** Of a look at validation data. */
  readonly validationMilliseconds: number;
  /** The most memory in use at once in a training: model, optimizer and step. */
  readonly peakBytes: number;
  /** In all trainings and tries. */
  readonly steps: number;
  /** Of all of that; tests not counted. */
  readonly milliseconds: number;
}

/** Steps that are timed together, after one that compiles and fills caches. */
const TIMED = 3;

/** The fastest of so many times counts: the other had something in their way. */
const TIMES = 2;

/** To see that steps can be timed, one does. */
const SMOKE_TIMED = { timed: 1, times: 1 };

/** Measures some steps of each contender of a recipe. */
export async function estimate(
  { name, plan, contenders, setting }: PlannedRecipe,
  open: OpenRecipe,
  folderOf: ProtocolCall["folderOf"],
): Promise<Estimate[]> {
  const { timed, times } = setting === "smoke"
    ? SMOKE_TIMED
    : { timed: TIMED, times: TIMES };
  const estimates: Estimate[] = [];
  for (const contender of contenders) {
    const rates = ratesOf(contender, plan);
    const trial = await open.trial({
      ...{ contender, folderOf, seed: 1, steps: timed, rate: rates[0]! },
    });
    const peakBytes = await peakBytesOf(() => timeTraining(trial, 1));
    let stepMilliseconds = Infinity;
    for (let i = 0; i < times; i++) {
      const milliseconds = await timeTraining(trial, timed) / timed;
      stepMilliseconds = Math.min(stepMilliseconds, milliseconds);
    }
    const validationMilliseconds = await timeValidation(trial);
    trial.model.dispose();
    trial.dispose?.();
    const trainings = trainingsOf(contender, plan);
    const steps = trainings * plan.steps;
    const looks = trainings * validationsOf(plan);
    estimates.push({
      ...{ recipe: name, contender: contender.name, steps },
      ...{ stepMilliseconds, validationMilliseconds, peakBytes },
      milliseconds: steps * stepMilliseconds + looks * validationMilliseconds,
    });
  }
  return estimates;
}

/** Trainings of a contender, if no rates are added; those of the chosen one are tries, too. */
export function trainingsOf(contender: Contender, plan: TrainingPlan): number {
  const rates = triedRates(contender, plan).length;
  const tries = searchSeedsOf(plan);
  const seeds = seedsOf(plan);
  return rates === 0 ? seeds : rates * tries + Math.max(0, seeds - tries);
}

/** Batches of validation data that are timed, where a recipe says how many there are. */
const TIMED_BATCHES = 2;

/** The milliseconds of a look at validation data. */
async function timeValidation(
  { model, options, validation, validationBatches }: Trial,
): Promise<number> {
  const { data, metrics = {} } = validation;
  const timed = Math.min(TIMED_BATCHES, validationBatches ?? Infinity);
  const milliseconds = await stopwatch(async () => {
    await evaluate(model, firstOf(data(), timed), {
      loss: options.loss,
      metrics,
    });
  });
  return validationBatches
    ? milliseconds * validationBatches / timed
    : milliseconds;
}

/** The first batches of a pass. */
async function* firstOf<B>(
  batches: AsyncIterable<B>,
  count: number,
): AsyncIterable<B> {
  let taken = 0;
  for await (const batch of batches) {
    yield batch;
    if (++taken === count) return;
  }
}

/** Above the lines of a plan. */
export const PLAN_HEAD: string = planLine(
  ...["recipe", "contender", "MiB", "ms/step", "steps", "minutes"] as const,
);

/** The plan of a recipe: a line for each contender, and what all take. */
export function planText(estimates: readonly Estimate[]): string {
  const minutes = (milliseconds: number) => (milliseconds / 60_000).toFixed(1);
  const lines = estimates.map((
    { recipe, contender, peakBytes, stepMilliseconds, steps, milliseconds },
  ) =>
    planLine(
      recipe,
      contender,
      (peakBytes / 2 ** 20).toFixed(0),
      stepMilliseconds.toFixed(1),
      `${steps}`,
      minutes(milliseconds),
    )
  );
  const { recipe } = estimates[0]!;
  const all = minutes(totalOf(estimates));
  return [...lines, planLine(recipe, "in all", "", "", "", all)].join("\n");
}

function planLine(
  recipe: string,
  contender: string,
  ...numbers: readonly string[]
): string {
  return [
    recipe.padEnd(16),
    contender.padEnd(20),
    ...numbers.map((number) => number.padStart(8)),
  ].join(" ");
}

/** Milliseconds of all trainings; tests are not counted. */
export function totalOf(estimates: readonly Estimate[]): number {
  return estimates.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

/** Time in words. */
export function duration(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** How long the rest of a plan takes, by what its trainings so far took. */
export class TimeLeft {
  readonly #perStep: ReadonlyMap<string, number>;
  readonly #atOnce: number;
  #left: number;
  #expected = 0;
  #taken = 0;

  /** Begins before the first training; so many are under way at once. */
  constructor(estimates: readonly Estimate[], atOnce = 1) {
    this.#atOnce = atOnce;
    this.#perStep = new Map(estimates.map((estimate) => [
      keyOf(estimate.recipe, estimate.contender),
      estimate.milliseconds / estimate.steps,
    ]));
    this.#left = totalOf(estimates);
  }

  /** Counts a training that has ended; one that was read says nothing of the pace. */
  ended(
    recipe: string,
    { contender, steps, milliseconds, wasTried }: Pick<
      EndedTraining,
      "contender" | "steps" | "milliseconds" | "wasTried"
    >,
  ): void {
    if (wasTried) return;
    const expected = steps * this.#perStep.get(keyOf(recipe, contender))!;
    this.#left -= expected;
    if (milliseconds === undefined) return;
    this.#expected += expected;
    this.#taken += milliseconds / this.#atOnce;
  }

  /** Milliseconds. */
  get left(): number {
    const pace = this.#expected > 0 ? this.#taken / this.#expected : 1;
    return Math.max(0, this.#left) * pace;
  }
}

function keyOf(recipe: string, contender: string): string {
  return `${recipe}/${contender}`;
}
