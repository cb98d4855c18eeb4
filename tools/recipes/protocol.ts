/**
 * How contenders are compared: learning rates are chosen on validation data, all
 * contenders are trained with the same seeds, and test data are read in the end.
 *
 * @module
 */
import type { TrainOptions } from "@lionjs/lion/training";
import pLimit from "p-limit";
import {
  type Contender,
  type Measure,
  type OpenRecipe,
  type TrainingPlan,
  type TrialChoice,
  validationsOf,
} from "./recipe.ts";
import type { RateChoice, RateTry, TrialResult } from "./results_file.ts";
import { mean } from "./statistics.ts";
import {
  type Finished,
  readTraining,
  runTraining,
  type TrainingCall,
} from "./training.ts";

/** Fewer rates to choose from say nothing of a contender; one is not chosen. */
const FEWEST_RATES = 3;

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
  /** What trains so many models at once. @default this thread, one by one */
  readonly trainer?: Trainer;
}

/** What trains models. */
export interface Trainer {
  /** How many it trains at once. */
  readonly atOnce: number;
  train(call: TrainingCall): Promise<Finished | undefined>;
}

/** One by one, in this thread. */
const HERE: Trainer = { atOnce: 1, train: runTraining };

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

/** The rates to choose from, or the only one. */
export function ratesOf(
  contender: Contender,
  plan: TrainingPlan,
): readonly number[] {
  const rates = contender.rates ?? plan.rates;
  if (rates.length === 1 || new Set(rates).size >= FEWEST_RATES) return rates;
  throw new RangeError(
    `rates of ${contender.name} should be ${FEWEST_RATES} or more, or one that needs no choice, got ${
      rates.join(", ") || "none"
    }`,
  );
}

/** The rates that are tried. */
export function triedRates(
  contender: Contender,
  plan: TrainingPlan,
): readonly number[] {
  const rates = ratesOf(contender, plan);
  return rates.length === 1 ? [] : rates;
}

/** Steps of a try. */
export function searchSteps(
  { steps, searchShare = 0.25 }: TrainingPlan,
): number {
  return Math.max(1, Math.round(searchShare * steps));
}

/** Seeds of tries. */
export function searchSeedsOf({ searchSeeds = 1 }: TrainingPlan): number {
  return searchSeeds;
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
  const { contenders, plan, trainer = HERE } = call;
  const limit = pLimit(trainer.atOnce);
  const seeds = numbersTo(seedsOf(plan));
  const failure = new AbortController();
  const signal = AbortSignal.any([call.signal, failure.signal]);
  const all: Promise<unknown>[] = [];
  const run = (training: Training) => {
    const result = limit(() => runOne({ ...call, signal }, training));
    all.push(result);
    return result;
  };
  try {
    const rates = whole(
      await Promise.all(
        contenders.map((contender) => chooseRate(call, contender, run)),
      ),
    );
    if (!rates) return undefined;
    const trials = whole(
      await Promise.all(
        seeds.flatMap((seed) =>
          contenders.map(async (contender, i) => {
            const rate = rates[i]!.chosen;
            const { steps } = plan;
            const result = await run({ contender, seed, rate, steps });
            return result &&
              { contender: contender.name, seed, rate, ...result };
          })
        ),
      ),
    );
    return trials && { rates, trials };
  } catch (error) {
    // What else is being trained ends at its next step, and can be gone on with.
    failure.abort();
    await Promise.allSettled(all);
    throw error;
  }
}

/** Everything, or nothing if some was stopped. */
function whole<T>(results: readonly (T | undefined)[]): T[] | undefined {
  const ended = results.filter((result) => result !== undefined);
  return ended.length === results.length ? ended : undefined;
}

/** Tries each rate, and takes the one that is best on validation data, or the only one. */
async function chooseRate(
  { measure, plan }: ProtocolCall,
  contender: Contender,
  run: (training: Training) => Promise<Finished | undefined>,
): Promise<RateChoice | undefined> {
  const seeds = searchSeedsOf(plan), steps = searchSteps(plan);
  const rates = triedRates(contender, plan);
  if (rates.length === 0) {
    const [chosen] = ratesOf(contender, plan);
    return {
      contender: contender.name,
      seeds,
      steps,
      tries: [],
      chosen: chosen!,
    };
  }
  const tryOne = async (rate: number, seed: number) => {
    const record = await run({ contender, seed, rate, steps, isTry: true });
    return record &&
      (record.divergedAt === undefined
        ? record.curve.at(-1)!.means[measure.name]!
        : null);
  };
  const tries = whole(
    await Promise.all(
      rates.map(async (rate): Promise<RateTry | undefined> => {
        const values = whole(
          await Promise.all(
            numbersTo(seeds).map((seed) => tryOne(rate, seed)),
          ),
        );
        return values && {
          rate,
          value: values.every((value) => value !== null) ? mean(values) : null,
        };
      }),
    ),
  );
  if (!tries) return undefined;
  const chosen = bestRate(tries, measure);
  if (chosen === undefined) {
    throw new RangeError(
      `rates of ${contender.name} should have one at which training does not diverge, got ${
        tries.map(({ rate }) => rate).join(", ")
      }; add smaller ones`,
    );
  }
  return { contender: contender.name, seeds, steps, tries, chosen };
}

/** The numbers from 1 to the last one. */
function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
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

/** One training of one contender. */
interface Training {
  readonly contender: Contender;
  readonly seed: number;
  readonly rate: number;
  readonly steps: number;
  /** Whether only its rate is tried. */
  readonly isTry?: boolean;
}

/** Reads a training that has ended, or trains. */
async function runOne(
  call: ProtocolCall,
  { contender, seed, rate, steps, isTry = false }: Training,
): Promise<Finished | undefined> {
  const { recipe, open, folderOf, plan, signal, trainer = HERE } = call;
  const folder = folderOf(recipe, contender.name, seed);
  const training: TrainingCall = {
    open,
    choice: { contender, seed, steps, rate, folderOf },
    // Of a try, only the end counts.
    validations: isTry ? 1 : validationsOf(plan),
    // A try is kept apart from the training of its seed.
    folder: isTry ? `${folder}-rate-${rate}` : folder,
    signal,
    progress: call.progress,
    isFinal: !isTry,
  };
  const began = performance.now();
  const known = await readTraining(training);
  // Trainers hear only of stops that come after this.
  if (signal.aborted) return undefined;
  const result = known ?? await trainer.train(training);
  if (!result) return undefined;
  call.onTraining?.({
    ...result,
    ...{ contender: contender.name, seed, rate, isTry },
    ...known ? {} : { milliseconds: performance.now() - began },
  });
  return result;
}
