/**
 * How contenders are compared: learning rates are chosen on validation data, in whole
 * trainings; all contenders are trained with the same seeds, and test data are read in
 * the end.
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
import {
  type RateChoice,
  type RateTry,
  readJSON,
  type TrialResult,
  writeJSON,
} from "./results_file.ts";
import { mean } from "./statistics.ts";
import {
  assertSettings,
  type Finished,
  readTraining,
  RECORD,
  runTraining,
  type TrainingCall,
} from "./training.ts";

/** Fewer rates to choose from say nothing of a contender; one is not chosen. */
const FEWEST_RATES = 3;

/** Rates that are added where the best lies at the edge. */
const MOST_ADDED = 4;

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
  /** Whether its rate was tried. */
  readonly isTry: boolean;
  /** Whether it was a try before, and only read test data. */
  readonly wasTried: boolean;
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

/** The rates that are tried at first. */
export function triedRates(
  contender: Contender,
  plan: TrainingPlan,
): readonly number[] {
  const rates = ratesOf(contender, plan);
  return rates.length === 1 ? [] : rates;
}

/** Seeds of tries, whatever the seeds of the trainings: more of these change no rate. */
export function searchSeedsOf({ searchSeeds = 3 }: TrainingPlan): number {
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
            const result = await run({ contender, seed, rate });
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

/** What is kept of the choice of a rate. */
interface KeptChoice {
  readonly settings: unknown;
  readonly choice: RateChoice;
}

/**
 * Tries each rate in whole trainings, and takes the one that is best on validation
 * data, or the only one. Where the best lies at the edge, rates beyond it are tried.
 */
async function chooseRate(
  call: ProtocolCall,
  contender: Contender,
  run: (training: Training) => Promise<Finished | undefined>,
): Promise<RateChoice | undefined> {
  const { measure, plan, recipe, folderOf } = call;
  const { steps } = plan;
  const { name } = contender;
  const seeds = searchSeedsOf(plan);
  const rates = ratesOf(contender, plan);
  const [only] = rates;
  if (rates.length === 1) {
    return { contender: name, seeds, steps, tries: [], chosen: only! };
  }
  const file = `${folderOf(recipe, name, 1)}-rate.json`;
  const settings = { ...contender, rates, seeds, steps };
  const known = await readJSON<KeptChoice>(file);
  if (known) {
    assertSettings(file, settings, known.settings);
    return known.choice;
  }
  const tryOne = async (rate: number): Promise<RateTry | undefined> => {
    const records = whole(
      await Promise.all(
        numbersTo(seeds).map((seed) =>
          run({ contender, seed, rate, isTry: true })
        ),
      ),
    );
    if (!records) return undefined;
    const values = records.map(({ divergedAt, curve }) =>
      divergedAt === undefined ? curve.at(-1)!.means[measure.name]! : NaN
    );
    const value = mean(values);
    return { rate, value: Number.isNaN(value) ? null : value };
  };
  const tries: RateTry[] = [];
  let next = rates;
  while (next.length > 0) {
    const found = whole(await Promise.all(next.map(tryOne)));
    if (!found) return undefined;
    tries.push(...found);
    tries.sort((a, b) => a.rate - b.rate);
    next = tries.length < rates.length + MOST_ADDED
      ? rateBeyond(tries, measure)
      : [];
  }
  const chosen = bestRate(tries, measure);
  if (chosen === undefined) {
    throw new RangeError(
      `rates of ${name} should have one at which training does not diverge, got ${
        tries.map(({ rate }) => rate).join(", ")
      }; begin with smaller ones`,
    );
  }
  const choice = { contender: name, seeds, steps, tries, chosen };
  const kept: KeptChoice = { settings, choice };
  await writeJSON(file, kept);
  for (const { rate } of tries) {
    if (rate === chosen) continue;
    for (const seed of numbersTo(seeds)) {
      const folder = tryFolder(folderOf(recipe, name, seed), rate);
      await Deno.remove(folder, { recursive: true });
    }
  }
  return choice;
}

/** The next rate on the side where the best one has no neighbour, if it has none. */
export function rateBeyond(
  tries: readonly RateTry[],
  measure: Pick<Measure, "best">,
): number[] {
  const rates = tries.map(({ rate }) => rate);
  // Where all diverge, lower ones may not.
  const best = bestRate(tries, measure) ?? rates[0]!;
  const [neighbour] = best === rates[0]
    ? rates.slice(1)
    : best === rates.at(-1)
    ? rates.slice(-2)
    : [];
  // Without the digits that doubling and halving leave behind.
  return neighbour === undefined
    ? []
    : [Number((best * best / neighbour).toPrecision(6))];
}

/** The numbers from 1 to the last one. */
function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

/** The rate of the best value, of several the middle one; `undefined` where all diverged. */
export function bestRate(
  tries: readonly RateTry[],
  { best }: Pick<Measure, "best">,
): number | undefined {
  const sign = best === "highest" ? 1 : -1;
  const scores = tries.map(({ value }) => sign * (value ?? NaN));
  const highest = Math.max(...scores.filter((score) => !Number.isNaN(score)));
  const found = tries.filter((_, at) => scores[at] === highest);
  return found[Math.floor(found.length / 2)]?.rate;
}

/** One training of one contender. */
interface Training {
  readonly contender: Contender;
  readonly seed: number;
  readonly rate: number;
  /** Whether its rate is tried. */
  readonly isTry?: boolean;
}

/** Where a try is kept apart from the training of its seed, until its rate is chosen. */
function tryFolder(folder: string, rate: number): string {
  return `${folder}-rate-${rate}`;
}

/** Reads a training that has ended, or trains. */
async function runOne(
  call: ProtocolCall,
  { contender, seed, rate, isTry = false }: Training,
): Promise<Finished | undefined> {
  const { recipe, open, folderOf, plan, signal, trainer = HERE } = call;
  const { steps } = plan;
  const folder = folderOf(recipe, contender.name, seed);
  const tried = tryFolder(folder, rate);
  const training: TrainingCall = {
    open,
    choice: { contender, seed, steps, rate, folderOf },
    validations: validationsOf(plan),
    folder: isTry ? tried : folder,
    signal,
    progress: call.progress,
    isFinal: !isTry,
  };
  const began = performance.now();
  const known = await readTraining(training);
  // Trainers hear only of stops that come after this.
  if (signal.aborted) return undefined;
  const wasTried = !isTry && !known && await adopt(tried, folder);
  const result = known ?? await trainer.train(training);
  if (!result) return undefined;
  call.onTraining?.({
    ...result,
    ...{ contender: contender.name, seed, rate, isTry, wasTried },
    ...known ? {} : { milliseconds: performance.now() - began },
  });
  return result;
}

/** Makes a try the training of its seed, which then only reads test data. */
async function adopt(tried: string, folder: string): Promise<boolean> {
  try {
    await Deno.remove(`${tried}/${RECORD}`);
    await Deno.rename(tried, folder);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
