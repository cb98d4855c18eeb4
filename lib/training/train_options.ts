import type { CustomCallbackArgs } from "@tensorflow/tfjs-layers";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertInteger } from "../data/assert_integer.ts";
import type { Batch, BatchStream } from "../data/stream.ts";
import { withDefaults } from "../optimizers/adam.ts";
import {
  type Distillation,
  distillationOf,
  type DistillationOptions,
} from "./distillation.ts";
import type { Loss } from "./loss.ts";
import type { Metric } from "./metric.ts";
import { assertFunctions } from "./predict.ts";
import type { Progress } from "./progress.ts";
import { type Schedule, warmUpCosine } from "./schedule.ts";
import type { UpdateSettings } from "./training_state.ts";

/** How weights change; see {@linkcode train}. */
export interface OptimizerOptions {
  /**
   * How far a step goes. A number is the highest of {@linkcode warmUpCosine}
   * over all steps; for a constant one, pass `() => 1e-3`. @default 1e-3
   */
  learningRate?: number | Schedule;
  /** Steps that a `learningRate` that is a number rises for. @default 0 */
  warmUpSteps?: number;
  /** Decay of the mean of the gradients. @default 0.9 */
  beta1?: number;
  /** Decay of the mean of their squares. @default 0.999 */
  beta2?: number;
  /** Added to the root of that mean. @default 1e-8 */
  epsilon?: number;
  /** Decoupled: a step also takes learningRate · weightDecay of each value. @default 0 */
  weightDecay?: number;
  /**
   * Whether a weight is subject to it.
   * @default those of two axes or more that are not vectors of positions or of a class token
   */
  decays?: (name: string, shape: readonly number[]) => boolean;
  /** Longer gradients, all weights together, are scaled to this norm. @default 1 */
  clipNorm?: number;
  /** Batches of the data a step, whose gradients are added up. @default 1 */
  accumulate?: number;
}

/** What is evaluated while a model trains; see {@linkcode train}. */
export interface EvaluationOptions {
  /** One pass over what the model is not trained on. */
  data: () => AsyncIterable<Batch>;
  /** Besides the loss, by the names of their means. @default none */
  metrics?: Record<string, Metric>;
  /** Steps between two evaluations. @default an epoch's */
  every?: number;
}

/** Where checkpoints are, and how many; see {@linkcode train}. */
export interface CheckpointOptions {
  /**
   * A folder that no other run has its checkpoints in. While it is trained into
   * it has a file `training.lock`, and whoever else wants to is refused.
   */
  folder: string;
  /** Steps between two. @default an epoch's */
  every?: number;
  /** So many are kept, the last ones; one more while it is written. @default 3 */
  keep?: number;
  /**
   * Whether to go on from the newest one; from the start, if there is none.
   * @default false
   */
  resume?: boolean;
}

/** Options of {@linkcode train}. */
export interface TrainOptions {
  /** Steps in all; or `epochs`. */
  steps?: number;
  /** Passes over the data, in whole steps; or `steps`. */
  epochs?: number;
  /** What is made small. */
  loss: Loss;
  /** A teacher that the model learns from beside the labels. @default none */
  distillation?: DistillationOptions;
  /** How weights change. */
  optimizer?: OptimizerOptions;
  /**
   * Keeps a moving average of the weights too, which is what is evaluated and,
   * in the end, in the model. Its decay is (1 + step) / (10 + step), up to
   * `decay`. @default none
   */
  ema?: { decay: number };
  /** Of dropout and drop path. @default 0 */
  seed?: number;
  /** Ends training after a step, with a checkpoint. */
  signal?: AbortSignal;
  /** What is evaluated now and then, and in the end. @default nothing */
  evaluate?: EvaluationOptions;
  /** Where to save training to and resume it from. @default nowhere */
  checkpoints?: CheckpointOptions;
  /**
   * The path of a file that gets a line of JSON for each step and evaluation.
   * One that exists is begun anew, or, where training is resumed, cut at the
   * checkpoint's step. @default none
   */
  log?: string;
  /**
   * What shows progress: `trainingProgress()` for `true` and `"auto"`, nothing
   * for `false`. @default "auto"
   */
  progress?: Progress | boolean | "auto";
  /**
   * As in `model.fit`; a batch is a step, numbered from its epoch's first. With
   * `onBatchEnd`, each step waits for its loss.
   */
  callbacks?: Pick<
    CustomCallbackArgs,
    | "onTrainBegin"
    | "onTrainEnd"
    | "onEpochBegin"
    | "onEpochEnd"
    | "onBatchBegin"
    | "onBatchEnd"
  >;
}

const OPTIONS: OptionNames<TrainOptions> = {
  steps: true,
  epochs: true,
  loss: true,
  distillation: true,
  optimizer: true,
  ema: true,
  seed: true,
  signal: true,
  evaluate: true,
  checkpoints: true,
  log: true,
  progress: true,
  callbacks: true,
};
const OPTIMIZER: OptionNames<OptimizerOptions> = {
  learningRate: true,
  warmUpSteps: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  decays: true,
  clipNorm: true,
  accumulate: true,
};
const EVALUATE: OptionNames<EvaluationOptions> = {
  data: true,
  metrics: true,
  every: true,
};
const CHECKPOINTS: OptionNames<CheckpointOptions> = {
  folder: true,
  every: true,
  keep: true,
  resume: true,
};
const CALLBACKS: OptionNames<NonNullable<TrainOptions["callbacks"]>> = {
  onTrainBegin: true,
  onTrainEnd: true,
  onEpochBegin: true,
  onEpochEnd: true,
  onBatchBegin: true,
  onBatchEnd: true,
};

/** Throws unless all options are known, and functions where they should be. */
function assertKnown(options: TrainOptions, data: BatchStream): void {
  assertOptions("train", options, OPTIONS);
  const { loss, optimizer, ema, evaluate, checkpoints, callbacks } = options;
  const { progress = "auto" } = options;
  const { from } = Object(data) as BatchStream;
  assertFunctions("train's", { loss, "data's from": from });
  if (optimizer) assertOptions("train's optimizer", optimizer, OPTIMIZER);
  if (ema) assertOptions("train's ema", ema, { decay: true });
  if (evaluate) {
    assertOptions("train's evaluate", evaluate, EVALUATE);
    const { data, metrics = {} } = evaluate;
    assertFunctions("train's evaluate", { data });
    assertFunctions("metrics'", metrics);
  }
  if (checkpoints) {
    assertOptions("train's checkpoints", checkpoints, CHECKPOINTS);
    if (typeof checkpoints.folder !== "string") {
      throw new TypeError(
        `checkpoints.folder should be a path, got ${typeof checkpoints.folder}`,
      );
    }
  }
  if (callbacks) {
    assertOptions("train's callbacks", callbacks, CALLBACKS);
    assertFunctions("train's callback", callbacks);
  }
  if (typeof progress === "object") {
    const { begin, update, end } = progress;
    assertFunctions("progress's", { begin, update, end });
  } else if (progress !== "auto" && typeof progress !== "boolean") {
    throw new TypeError(
      `progress should be true, false, "auto" or an object of functions, got ${progress}`,
    );
  }
}

/** Options with their defaults. */
export interface Settings extends UpdateSettings {
  /** Steps in all. */
  readonly steps: number;
  /** Steps that see all data once. */
  readonly stepsPerEpoch: number;
  /** Batches a step. */
  readonly accumulate: number;
  /** What a teacher adds to the loss; `undefined` without one. */
  readonly distillation: Distillation | undefined;
  /** Of learning rates. */
  readonly schedule: Schedule;
  /** Of dropout. */
  readonly seed: number;
  /** Steps between evaluations. */
  readonly evaluateEvery: number;
  /** Steps between checkpoints. */
  readonly saveEvery: number;
  /** Checkpoints that are kept. */
  readonly keep: number;
}

/** Fills in defaults; throws where an option is impossible. */
export function settingsOf(
  options: TrainOptions,
  data: BatchStream,
): Settings {
  assertKnown(options, data);
  const { optimizer = {}, ema, seed = 0, evaluate, checkpoints } = options;
  const { accumulate = 1, clipNorm = 1, decays = decaysByDefault } = optimizer;
  assertInteger("accumulate", accumulate, 1);
  assertFunctions("train's optimizer", { decays });
  if (!(data.stepsPerEpoch >= 1)) {
    throw new RangeError(
      `data's stepsPerEpoch should be 1 or more, got ${data.stepsPerEpoch}`,
    );
  }
  if (!(clipNorm > 0)) {
    throw new RangeError(
      `clipNorm should be above 0, or Infinity for no clipping, got ${clipNorm}`,
    );
  }
  if (ema && !(ema.decay >= 0 && ema.decay < 1)) {
    throw new RangeError(`ema's decay should be in [0, 1), got ${ema.decay}`);
  }
  const stepsPerEpoch = Math.max(
    1,
    Math.floor(data.stepsPerEpoch / accumulate),
  );
  const steps = stepsOf(options, stepsPerEpoch);
  const { learningRate = 1e-3, warmUpSteps = 0, ...adam } = optimizer;
  if (typeof learningRate !== "number") {
    assertFunctions("train's optimizer", { learningRate });
  }
  const constant = typeof learningRate === "number" ? { learningRate } : {};
  const counts = {
    evaluateEvery: evaluate?.every ?? stepsPerEpoch,
    saveEvery: checkpoints?.every ?? stepsPerEpoch,
    keep: checkpoints?.keep ?? 3,
  };
  assertInteger("evaluate.every", counts.evaluateEvery, 1);
  assertInteger("checkpoints.every", counts.saveEvery, 1);
  assertInteger("checkpoints.keep", counts.keep, 1);
  return {
    adam: withDefaults({ ...adam, ...constant }),
    decays,
    clipNorm,
    averageDecay: ema?.decay,
    steps,
    stepsPerEpoch,
    accumulate,
    distillation: options.distillation && distillationOf(options.distillation),
    schedule: typeof learningRate === "number"
      ? warmUpCosine({ learningRate, warmUpSteps, steps })
      : learningRate,
    seed,
    ...counts,
  };
}

function stepsOf(
  { steps, epochs }: TrainOptions,
  stepsPerEpoch: number,
): number {
  if ((steps === undefined) === (epochs === undefined)) {
    throw new RangeError(
      `train should be told steps or epochs, got ${
        steps === undefined ? "neither" : "both"
      }`,
    );
  }
  if (steps !== undefined) {
    assertInteger("steps", steps, 1);
    return steps;
  }
  assertInteger("epochs", epochs!, 1);
  return epochs! * stepsPerEpoch;
}

function decaysByDefault(name: string, shape: readonly number[]): boolean {
  return shape.length >= 2 && !/pos_embed|position|cls_token/.test(name);
}
