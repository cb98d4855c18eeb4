/** One training of one contender: begun, gone on with, or read. @module */
import type { BatchStream } from "@lionjs/lion/data";
import {
  DivergenceError,
  evaluate,
  train,
  type TrainOptions,
} from "@lionjs/lion/training";
import type { OpenRecipe, Trial, TrialChoice } from "./recipe.ts";
import {
  type CurvePoint,
  readJSON,
  type TrainingRecord,
  type TrialResult,
  writeJSON,
} from "./results_file.ts";

/** The share of the steps whose mean is the training loss. */
const LAST_SHARE = 0.05;

/** What a training reached, on test data too if it was a final one. */
export type Finished =
  & TrainingRecord
  & Pick<TrialResult, "figures" | "decays">;

/** What is kept of it. */
interface Kept {
  readonly settings: unknown;
  readonly record: Finished;
}

/** What a training is given. */
export interface TrainingCall {
  readonly open: OpenRecipe;
  readonly choice: TrialChoice;
  /** Looks at validation data. */
  readonly validations: number;
  /** Where its checkpoints, its log and its record are. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** What shows its steps. */
  readonly progress: TrainOptions["progress"];
  /** Whether all is chosen, and test data are read. */
  readonly isFinal: boolean;
  /** The ranks that train it together; only the first writes files. @default none */
  readonly together?: Pick<TrainOptions, "communicator" | "ranks">;
}

/**
 * What a training has reached that has ended; `undefined` if it has not.
 *
 * @throws {RangeError} If its folder has a training of other settings.
 */
export async function readTraining(
  call: TrainingCall,
): Promise<Finished | undefined> {
  const known = await readJSON<Kept>(fileOf(call));
  if (!known) return undefined;
  assertSettings(call.folder, settingsOf(call), known.settings);
  return known.record;
}

/** What was kept should be of the same settings. */
export function assertSettings(
  place: string,
  wanted: unknown,
  found: unknown,
): void {
  const [own, other] = [wanted, found].map((settings) =>
    JSON.stringify(settings)
  );
  if (own === other) return;
  throw new RangeError(
    `${place} should be of the settings ${own}, got ${other}; remove it, or choose another --folder`,
  );
}

/** The file of what a training has reached, in its folder. */
export const RECORD = "result.json";

function fileOf({ folder }: TrainingCall): string {
  return `${folder}/${RECORD}`;
}

/** What a training is known by. */
function settingsOf({ choice }: TrainingCall): unknown {
  const { contender, steps, seed, rate } = choice;
  return { ...contender, steps, seed, rate };
}

/**
 * Trains, or goes on with a training that was stopped. `undefined` if it is
 * stopped, and on all ranks but the first.
 */
export async function runTraining(
  call: TrainingCall,
): Promise<Finished | undefined> {
  const { open, choice, folder, signal, progress = "auto", isFinal } = call;
  const { together = {} } = call;
  const { steps, seed } = choice;
  const isFirst = !together.communicator?.rank;
  if (isFirst) await Deno.mkdir(folder, { recursive: true });
  const { model, data, options, validation, solved, ...trial } = await open
    .trial(choice);
  const every = Math.ceil(steps / call.validations);
  const solving = solved && untilSolved(data, every, solved);
  try {
    await trial.begin?.();
    const parameters = model.countParams();
    const log = `${folder}/log.jsonl`;
    const checkpoints = `${folder}/checkpoints`;
    let divergedAt: number | undefined, taken = steps;
    try {
      const { aborted, steps: last } = await train(
        model,
        solving?.data ?? data,
        {
          ...options,
          ...together,
          ...solving ? { callbacks: solving.callbacks } : {},
          steps,
          seed,
          signal: solving ? AbortSignal.any([signal, solving.signal]) : signal,
          progress,
          evaluate: { ...validation, every },
          checkpoints: {
            folder: checkpoints,
            every: Math.ceil(steps / Math.max(5, call.validations)),
            keep: 1,
            resume: true,
          },
          log,
        },
      );
      taken = last;
      // A stop may have left the last look out. Ranks agree on `aborted` alone.
      const isStopped = aborted && !solving?.signal.aborted;
      if (isStopped || (signal.aborted && !together.communicator)) {
        return undefined;
      }
    } catch (error) {
      // `train` throws it where it is stopped before its first batch.
      if (signal.aborted && error === signal.reason) return undefined;
      if (!(error instanceof DivergenceError)) throw error;
      divergedAt = error.divergence.step;
    }
    if (!isFirst) return undefined;
    const isWhole = divergedAt === undefined;
    const logged = await readLog(log, taken, isWhole);
    if (isWhole && logged.curve.at(-1)?.step !== taken) {
      // A stop has left it out, and `train`, gone on with, has no step to take.
      const { data, metrics } = validation;
      const means = await evaluate(model, data(), {
        loss: options.loss,
        metrics,
      });
      logged.curve.push({ step: taken, means });
    }
    const isDone = isFinal && isWhole;
    const figures = isDone ? await trial.test() : {};
    const decays = isDone ? await trial.decays?.() : undefined;
    if (isDone) await trial.keep?.(folder);
    const record = {
      steps: taken,
      parameters,
      ...logged,
      ...divergedAt === undefined ? {} : { divergedAt },
      figures,
      ...decays ? { decays } : {},
    };
    await writeJSON(fileOf(call), { settings: settingsOf(call), record });
    return record;
  } finally {
    model.dispose();
    trial.dispose?.();
  }
}

/** What ends a training that has solved its task, whose epochs last from look to look. */
function untilSolved(
  data: BatchStream,
  every: number,
  { accuracy, looks }: NonNullable<Trial["solved"]>,
) {
  const ending = new AbortController();
  let inARow = 0;
  const callbacks: NonNullable<TrainOptions["callbacks"]> = {
    onEpochEnd(_epoch, logs) {
      inARow = logs!["val_accuracy"]! >= accuracy ? inARow + 1 : 0;
      if (inARow === looks) ending.abort();
      return Promise.resolve();
    },
  };
  return {
    callbacks,
    data: { stepsPerEpoch: every, from: (start: number) => data.from(start) },
    signal: ending.signal,
  };
}

/** The curve and the training loss that a log tells. */
async function readLog(
  path: string,
  steps: number,
  isWhole: boolean,
): Promise<{ curve: CurvePoint[]; trainLoss: number | null }> {
  const curve: CurvePoint[] = [];
  const losses: number[] = [];
  const first = steps - Math.max(1, Math.round(LAST_SHARE * steps));
  for (const line of (await Deno.readTextFile(path)).trim().split("\n")) {
    if (line === "") continue;
    const { step, loss, evaluation } = JSON.parse(line);
    if (evaluation) curve.push({ step, means: evaluation });
    else if (step > first) losses.push(loss);
  }
  const sum = losses.reduce((a, b) => a + b, 0);
  return { curve, trainLoss: isWhole ? sum / losses.length : null };
}
