/** What curves, losses and differences say: what was learned, and who is ahead. @module */
import type { Measure } from "./recipe.ts";
import { type Interval, mean } from "./statistics.ts";
import type {
  CurvePoint,
  RateChoice,
  RecipeResults,
  TrainingRecord,
} from "./results_file.ts";

/** The share of the floor that a training loss has to stay below. */
const LEARNED = 0.95;

/**
 * Whether training has reached its plateau: the best of its last quarter is
 * hardly better than the best before it.
 */
export function isOnPlateau(
  curve: readonly CurvePoint[],
  { name, best, plateau }: Measure,
): boolean {
  const sign = best === "highest" ? 1 : -1;
  const scores = curve.map(({ means }) => sign * means[name]!);
  const quarter = Math.ceil(scores.length / 4);
  const before = scores.slice(0, -quarter), last = scores.slice(-quarter);
  // One look says nothing of what came before it.
  if (before.length === 0) return false;
  return Math.max(...last) - Math.max(...before) <= plateau;
}

/** Whether the chosen rate is the lowest or the highest that was tried. */
export function isAtEdge({ tries, chosen }: RateChoice): boolean {
  const rates = tries.map(({ rate }) => rate);
  return [Math.min(...rates), Math.max(...rates)].includes(chosen);
}

/** What is to be known of a contender's trainings together. */
export interface Health {
  readonly contender: string;
  /** The mean of the final losses; none if one diverged. */
  readonly trainLoss: number | null;
  /** Whether all are clearly below the guess that has learned nothing. */
  readonly isHealthy: boolean;
  /** How many have reached their plateau. */
  readonly onPlateau: number;
}

/** Whether a training is clearly better than the guess that has learned nothing. */
export function hasLearned(
  { trainLoss }: Pick<TrainingRecord, "trainLoss">,
  floor: number,
): boolean {
  return trainLoss !== null && trainLoss < LEARNED * floor;
}

/** The health of each contender. */
export function healthOf(
  { trials, floor, measure }: Pick<
    RecipeResults,
    "trials" | "floor" | "measure"
  >,
): Health[] {
  const names = [...new Set(trials.map(({ contender }) => contender))];
  return names.map((contender) => {
    const own = trials.filter((trial) => trial.contender === contender);
    const losses = own.map(({ trainLoss }) => trainLoss);
    return {
      contender,
      trainLoss: losses.includes(null) ? null : mean(losses as number[]),
      isHealthy: own.every((trial) => hasLearned(trial, floor.loss)),
      // One that diverged has left its plateau.
      onPlateau: own.filter(({ curve, trainLoss }) =>
        trainLoss !== null && isOnPlateau(curve, measure)
      ).length,
    };
  });
}

/** What a difference between two contenders says of the first. */
export type Verdict = "ahead" | "behind" | "level" | "not told apart";

/**
 * Two are level where their difference and its interval stay within so many points of
 * accuracy, or within as many of a perplexity.
 */
const LEVEL = 2;

/** Whether a difference and its interval, in points, stay within what is level. */
export function isWithinLevel({ mean, half }: Interval): boolean {
  return Math.abs(mean) + half < LEVEL;
}

/** What a difference says, in points: one that exceeds its interval is never level. */
export function verdictOf(
  difference: Interval,
  best: Measure["best"] = "highest",
): Verdict {
  const { mean, half } = difference;
  if (Math.abs(mean) > half) {
    return (mean > 0) === (best === "highest") ? "ahead" : "behind";
  }
  return isWithinLevel(difference) ? "level" : "not told apart";
}
