/**
 * How contenders are compared: learning rates are chosen on validation data, all
 * contenders are trained with the same seeds, and test data are read in the end.
 *
 * @module
 */
import type { TrainOptions } from "@lionjs/lion/training";
import {
  type Contender,
  type Measure,
  type OpenRecipe,
  type TrainingPlan,
  type TrialChoice,
  validationsOf,
} from "./recipe.ts";
import type { RateChoice, RateTry, TrialResult } from "./results_file.ts";
import { type Finished, readTraining, runTraining } from "./training.ts";

/** Fewer rates to choose from say nothing of a contender. */
const FEWEST_RATES = 3;

/** The seed with which rates are tried. */
const SEARCH_SEED = 1;

/** What trainings are run with. */
export interface ProtocolCall {
  readonly recipe: string;
  readonly open: OpenRecipe;
  readonly measure: Measure;
  readonly plan: TrainingPlan;
  readonly contenders: readonly Contender[];
  readonly folderOf: TrialChoice["folderOf"];
  readonly signal: AbortSignal;
  /** What shows the steps of a training. @default a line or a bar */
  readonly progress?: TrainOptions["progress"];
  /** Is told of each training that has ended. */
  readonly onTraining?: (ended: EndedTraining) => void;
}

/** A training that has ended. */
export interface EndedTraining extends Finished {
  readonly contender: string;
  readonly seed: number;
  readonly rate: number;
  /** Whether only its rate was tried. */
  readonly isTry: boolean;
  /** What it took; none if it was read. */
  readonly milliseconds?: number;
}

/** What the trainings of a recipe came to. */
export interface ProtocolRecord {
  readonly rates: readonly RateChoice[];
  readonly trials: readonly TrialResult[];
}

/** The rates to choose from. */
export function ratesOf(
  contender: Contender,
  plan: TrainingPlan,
): readonly number[] {
  const rates = contender.rates ?? plan.rates;
  if (new Set(rates).size >= FEWEST_RATES) return rates;
  throw new RangeError(
    `rates of ${contender.name} should be ${FEWEST_RATES} or more, got ${
      rates.join(", ") || "none"
    }`,
  );
}

/** Steps of a try. */
export function searchSteps(
  { steps, searchShare = 0.25 }: TrainingPlan,
): number {
  return Math.max(1, Math.round(searchShare * steps));
}

/** Trainings of each contender. */
export function seedsOf({ seeds = 5 }: TrainingPlan): number {
  return seeds;
}

/**
 * Chooses rates, and trains all contenders seed by seed, so that a slow hour of
 * the machine falls on all of them. `undefined` if it is stopped.
 */
export async function runProtocol(
  call: ProtocolCall,
): Promise<ProtocolRecord | undefined> {
  const { contenders, plan } = call;
  const rates: RateChoice[] = [];
  for (const contender of contenders) {
    const choice = await chooseRate(call, contender);
    if (!choice) return undefined;
    rates.push(choice);
  }
  const trials: TrialResult[] = [];
  for (let seed = 1; seed <= seedsOf(plan); seed++) {
    for (const [i, contender] of contenders.entries()) {
      const rate = rates[i]!.chosen;
      const result = await trainWith(call, contender, seed, rate, plan.steps);
      if (!result) return undefined;
      trials.push({ contender: contender.name, seed, rate, ...result });
    }
  }
  return { rates, trials };
}

/** Tries each rate, and takes the one that is best on validation data. */
async function chooseRate(
  call: ProtocolCall,
  contender: Contender,
): Promise<RateChoice | undefined> {
  const { measure, plan } = call;
  const steps = searchSteps(plan);
  const tries: RateTry[] = [];
  for (const rate of ratesOf(contender, plan)) {
    const record = await trainWith(
      call,
      contender,
      SEARCH_SEED,
      rate,
      steps,
      true,
    );
    if (!record) return undefined;
    const value = record.divergedAt === undefined
      ? record.curve.at(-1)!.means[measure.name]!
      : null;
    tries.push({ rate, value });
  }
  const chosen = bestRate(tries, measure);
  if (chosen === undefined) {
    throw new RangeError(
      `rates of ${contender.name} should have one at which training does not diverge, got ${
        tries.map(({ rate }) => rate).join(", ")
      }; add smaller ones`,
    );
  }
  return { contender: contender.name, seed: SEARCH_SEED, steps, tries, chosen };
}

/** The rate of the best value; `undefined` where all diverged. */
export function bestRate(
  tries: readonly RateTry[],
  { best }: Pick<Measure, "best">,
): number | undefined {
  const sign = best === "highest" ? 1 : -1;
  let found: { rate: number; score: number } | undefined;
  for (const { rate, value } of tries) {
    if (value === null || Number.isNaN(value)) continue;
    const score = sign * value;
    if (!found || score > found.score) found = { rate, score };
  }
  return found?.rate;
}

async function trainWith(
  call: ProtocolCall,
  contender: Contender,
  seed: number,
  rate: number,
  steps: number,
  isTry = false,
): Promise<Finished | undefined> {
  const { recipe, open, folderOf, plan, signal } = call;
  const folder = folderOf(recipe, contender.name, seed);
  const training = {
    open,
    choice: { contender, seed, steps, rate, folderOf },
    validations: validationsOf(plan),
    // A try is kept apart from the training of its seed.
    folder: isTry ? `${folder}-rate-${rate}` : folder,
    signal,
    progress: call.progress,
    isFinal: !isTry,
  };
  const began = performance.now();
  const known = await readTraining(training);
  const result = known ?? await runTraining(training);
  if (!result) return undefined;
  call.onTraining?.({
    ...result,
    ...{ contender: contender.name, seed, rate, isTry },
    ...known ? {} : { milliseconds: performance.now() - began },
  });
  return result;
}
