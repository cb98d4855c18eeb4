import { train } from "@lionjs/lion/training";
import {
  type Budget,
  stopwatch,
  timeAlternating,
} from "../../bench/measure/timing.ts";
import type {
  Contender,
  OpenRecipe,
  TrainingPlan,
  Trial,
  TrialChoice,
} from "./recipe.ts";

/** How steps are timed. */
export interface StepTiming {
  /** How long. @default seconds for each contender */
  readonly budget?: Budget;
  /** Steps of a sample: beginning a training is then a small part of it. @default 10 */
  readonly steps?: number;
}

/** The milliseconds of some steps of training, waits for data included. */
export function timeTraining(
  { model, data, options }: Trial,
  steps: number,
): Promise<number> {
  return stopwatch(async () => {
    // A schedule has no place for a warm-up in so few.
    const optimizer = { ...options.optimizer, warmUpSteps: 0 };
    await train(model, data, { ...options, optimizer, steps, progress: false });
  });
}

/**
 * The milliseconds of a training step of each contender, waits for data
 * included: medians of samples that the contenders take in turns.
 */
export async function timeSteps(
  open: OpenRecipe,
  contenders: readonly Contender[],
  { rates }: Pick<TrainingPlan, "rates">,
  folderOf: TrialChoice["folderOf"],
  { budget = { milliseconds: 4000, turn: 1 }, steps = 10 }: StepTiming = {},
): Promise<Record<string, number>> {
  const trials = [];
  for (const contender of contenders) {
    const trial = await open.trial({
      contender,
      seed: 1,
      steps,
      rate: rates[0]!,
      folderOf,
    });
    trials.push({ name: contender.name, ...trial });
  }
  const candidates = trials.map(({ name, ...trial }) => ({
    name,
    run: () => timeTraining(trial, steps),
  }));
  const measured = await timeAlternating(
    candidates,
    candidates[0]!.name,
    budget,
  );
  for (const { model, dispose } of trials) {
    model.dispose();
    dispose?.();
  }
  return Object.fromEntries(
    measured.map(({ name, median }) => [name, median / steps]),
  );
}
