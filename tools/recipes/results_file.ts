/** What a recipe's runs leave behind: a file of JSON that `deno task results` reads. @module */
import { jsonRows } from "../json_rows.ts";
import { writeOutput } from "../out_folder.ts";
import type { Figures, Measure, Published, Setting } from "./recipe.ts";

/** A look at validation data: the step, and the means by name. */
export interface CurvePoint {
  readonly step: number;
  readonly means: Readonly<Figures>;
}

/** What became of one training. */
export interface TrainingRecord {
  readonly steps: number;
  readonly parameters: number;
  /** Mean loss of the last twentieth of the steps; none if it diverged. */
  readonly trainLoss: number | null;
  readonly curve: readonly CurvePoint[];
  /** The step at which the loss was no longer finite. */
  readonly divergedAt?: number;
}

/** A learning rate that was tried, and the measure on validation data at the end. */
export interface RateTry {
  readonly rate: number;
  /** The mean over seeds; none if a training diverged. */
  readonly value: number | null;
}

/** How a contender's learning rate was chosen. */
export interface RateChoice {
  readonly contender: string;
  /** With how many seeds each was tried, from 1 on. */
  readonly seeds: number;
  /** Of each try. */
  readonly steps: number;
  readonly tries: readonly RateTry[];
  readonly chosen: number;
}

/** What one training at the chosen rate reached. */
export interface TrialResult extends TrainingRecord {
  readonly contender: string;
  readonly seed: number;
  readonly rate: number;
  /** On test data; none if training diverged. */
  readonly figures: Readonly<Figures>;
  /** Quantiles of the model's decays, by block, of recipes that draw them. */
  readonly decays?: Readonly<Record<string, readonly number[]>>;
}

/** What a recipe's contenders reached. */
export interface RecipeResults {
  readonly recipe: string;
  readonly title: string;
  readonly about: string;
  /** Where it differs from what is published. */
  readonly notes?: readonly string[];
  /** What was expected before the trainings. */
  readonly expected?: string;
  readonly setting: Setting;
  /** What was typed. */
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly measure: Measure;
  /** The contender that others are compared with. */
  readonly reference: string;
  /** The accuracy from which on a run has solved its task. */
  readonly solvedFrom?: number;
  /** Contenders without which there is no comparison. */
  readonly rivals: readonly string[];
  readonly floor: { readonly guess: string; readonly loss: number };
  readonly rates: readonly RateChoice[];
  readonly trials: readonly TrialResult[];
  readonly baselines: Readonly<Record<string, Figures>>;
  /** Milliseconds of a step of each contender, measured in turns. */
  readonly stepMilliseconds: Readonly<Figures>;
  /** What the paper reached. */
  readonly published: Published;
}

/** Reads JSON, or says that there is none. */
export async function readJSON<T>(
  path: string | URL,
): Promise<T | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes JSON; a file that is there is whole. */
export async function writeJSON(path: string, value: unknown): Promise<void> {
  await writeOutput(path, JSON.stringify(value, null, 1) + "\n");
}

/** Means as they lie in a file: each at all steps. */
type Columns = Readonly<Record<string, readonly number[]>>;

/** Results as they lie in a file. */
interface ResultsFile extends Omit<RecipeResults, "trials"> {
  /** At which steps whole trainings were looked at. */
  readonly curveSteps: readonly number[];
  readonly trials: readonly (Omit<TrialResult, "curve"> & {
    /** At the first of these steps. */
    readonly curve: Columns;
  })[];
}

/**
 * Reads what a recipe's contenders reached, or says that there is none.
 *
 * @throws {RangeError} If an earlier version wrote the file.
 */
export async function readResults(
  path: string | URL,
): Promise<RecipeResults | undefined> {
  const file = await readJSON<ResultsFile>(path);
  if (!file) return undefined;
  const { curveSteps, ...results } = file;
  if (!curveSteps) {
    throw new RangeError(
      `${path} should have "curveSteps", got results of an earlier version; deno task train ${file.recipe} writes them again from what it has trained`,
    );
  }
  const trials = file.trials.map(({ curve, ...trial }) => ({
    ...trial,
    curve: pointsOf(curve, curveSteps),
  }));
  return { ...results, trials };
}

/** Writes what a recipe's contenders reached, each curve as some rows of numbers. */
export async function writeResults(
  path: string,
  results: RecipeResults,
): Promise<void> {
  const curves = results.trials.map(({ curve }) => curve);
  const longest = curves.reduce((a, b) => b.length > a.length ? b : a, []);
  const file: ResultsFile = {
    ...results,
    curveSteps: longest.map(({ step }) => step),
    trials: results.trials.map(({ curve, ...trial }) => ({
      ...trial,
      curve: columnsOf(curve),
    })),
  };
  await writeOutput(path, jsonRows(file));
}

function columnsOf(curve: readonly CurvePoint[]): Columns {
  const names = Object.keys(curve[0]?.means ?? {});
  const columns = names.map((name) =>
    [name, curve.map(({ means }) => forDrawing(means[name]!))] as const
  );
  return Object.fromEntries(columns);
}

/** A number of a curve, in as many digits as can be seen. */
function forDrawing(value: number): number {
  return Number(value.toPrecision(4));
}

/** The points of a curve. */
function pointsOf(curve: Columns, steps: readonly number[]): CurvePoint[] {
  const columns = Object.entries(curve);
  const count = columns[0]?.[1].length ?? 0;
  return steps.slice(0, count).map((step, at) => ({
    step,
    means: Object.fromEntries(
      columns.map(([name, values]) => [name, values[at]!]),
    ),
  }));
}
