/** The options of `train`, their checks and defaults. @module */
import type { CustomCallbackArgs } from "@tensorflow/tfjs-layers";
import {
  assertBoolean,
  assertFinite,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertPath,
  assertSignal,
  type Communicator,
  optionsOf,
  shown,
} from "@lionjs/base";
import type { Batch, BatchStream } from "@lionjs/data/batches";
import { withDefaults } from "@lionjs/tfjs/optimizers";
import type { BestSettings } from "./best_weights.ts";
import {
  type Distillation,
  distillationOf,
  type DistillationOptions,
} from "./distillation.ts";
import { crossEntropy } from "./losses/cross_entropy.ts";
import type { Loss } from "./losses/loss.ts";
import { assertMetrics, type Metrics } from "./metrics/metric.ts";
import { assertCommunicator, assertFunctions } from "./model_output.ts";
import { assertLog, type LogOptions } from "./reports/open_log.ts";
import type { TrainingProgress } from "./reports/progress.ts";
import type { SharedBy } from "./ranks.ts";
import { type Schedule, warmUpCosine } from "./schedule.ts";
import type { UpdateSettings } from "./training_state.ts";

/** Options of the optimizer; see {@linkcode train}. */
export interface OptimizerOptions {
  /**
   * The learning rate. A number is the peak of {@linkcode warmUpCosine} over
   * all steps; for a constant rate, pass a function such as `() => 1e-3`.
   * @default 1e-3
   */
  learningRate?: number | Schedule | undefined;
  /** Number of steps over which a numeric `learningRate` rises. @default 0 */
  warmUpSteps?: number | undefined;
  /** Decay of the moving mean of the gradients, Adam's β₁. @default 0.9 */
  beta1?: number | undefined;
  /** Decay of the moving mean of the squared gradients, Adam's β₂. @default 0.999 */
  beta2?: number | undefined;
  /** Epsilon added to the root of the mean square of the gradients. @default 1e-8 */
  epsilon?: number | undefined;
  /**
   * Decoupled weight decay: each step also subtracts learningRate · weightDecay
   * · value. @default 0
   */
  weightDecay?: number | undefined;
  /**
   * Whether weight decay applies to a weight.
   * @default weights with two or more axes, except position embeddings and
   * class tokens
   */
  decays?: ((name: string, shape: readonly number[]) => boolean) | undefined;
  /**
   * The factor of the learning rate for a weight, by its name and shape: 0
   * freezes it. `layerwiseDecay` makes one for fine-tuning, with lower rates
   * for lower layers. @default 1 for all
   */
  learningRateFactor?:
    | ((name: string, shape: readonly number[]) => number)
    | undefined;
  /**
   * The largest norm of all gradients together; larger ones are scaled down to
   * it. @default 1
   */
  clipNorm?: number | undefined;
  /**
   * Number of batches whose gradients are accumulated for each step, at most
   * 65536. @default 1
   */
  accumulate?: number | undefined;
}

/** Options of evaluation during training; see {@linkcode train}. */
export interface EvaluationOptions {
  /** Returns one pass over the evaluation data. */
  data: () => AsyncIterable<Batch>;
  /**
   * Metrics in addition to the loss, by name, as for `evaluate`. They are tried
   * on one batch before the first step, so that one that cannot be computed is an
   * error at once. @default none
   */
  metrics?: Metrics | undefined;
  /** Number of steps between evaluations. @default the steps of an epoch */
  every?: number | undefined;
}

/** Options of the best weights and of early stopping; see {@linkcode train}. */
export interface BestOptions {
  /** The name of one of `evaluate`'s metrics, or `"loss"`. @default "loss" */
  metric?: string | undefined;
  /**
   * Whether the smallest or the largest value is the best.
   * @default "min" for the loss, "max" for a metric
   */
  mode?: "min" | "max" | undefined;
  /**
   * Number of evaluations without a better one after which training ends.
   * @default Infinity
   */
  patience?: number | undefined;
}

/** Options of checkpoints; see {@linkcode train}. */
export interface CheckpointOptions {
  /**
   * A folder for this run's checkpoints only. During training it is locked by a
   * file `training.lock`, and other runs that use it throw. If the folder or
   * that file is removed meanwhile, the next checkpoint creates them again,
   * unless another run has taken the folder since: then `train` throws.
   */
  folder: string;
  /** Number of steps between checkpoints. @default the steps of an epoch */
  every?: number | undefined;
  /**
   * Number of latest checkpoints to keep; one more exists while it is written.
   * @default 3
   */
  keep?: number | undefined;
  /**
   * Whether to continue from the newest checkpoint, or from the start if there
   * is none.
   * @default false
   */
  resume?: boolean | undefined;
}

/** Options of {@linkcode train}. */
export interface TrainOptions {
  /** Total number of steps; give this or `epochs`. */
  steps?: number | undefined;
  /**
   * Number of passes over the data, rounded to whole steps; give this or
   * `steps`.
   */
  epochs?: number | undefined;
  /** The loss to minimise. */
  loss: Loss;
  /** A teacher that the model learns from, in addition to the labels. @default none */
  distillation?: DistillationOptions | undefined;
  /** Options of the optimizer. */
  optimizer?: OptimizerOptions | undefined;
  /**
   * Moving average of the weights (EMA), which is evaluated and, in the end,
   * becomes the model's weights. Its decay is (1 + step) / (10 + step), at most
   * `decay`.
   * @default none
   */
  ema?: { decay: number } | undefined;
  /** Seed of dropout and drop path. @default 0 */
  seed?: number | undefined;
  /**
   * Whether steps are recorded and replayed. Once two batches of the same
   * shapes have run the same kernels, later ones run only these, without the
   * code of the model and its gradient. Results are the same, bit by bit: a
   * step is recorded anew if a property of the model, its layers, weights,
   * loss or teacher has another value (`trainable`, a dropout rate, a method
   * of yours, …), or if a tensor that it reads was disposed of.
   *
   * What is not such a property is trusted. So your own layers, mixers, losses
   * and teachers may be recorded if they depend on tensors, variables and
   * their own properties alone, and not, say, on a variable of your program, a
   * private field, an entry of a `Map` or the values in a long array. To find
   * out, some batches are run as usual and compared: the 8th of each shape,
   * the 16th, 32nd, 64th, 128th, each 256th, and those of the last step. If one
   * differs, a warning names the steps that may be wrong, and replaying ends.
   * Code that draws random numbers without a seed, changes a variable or reads
   * values is not recorded; the result of `train` then says so.
   * @default true for models of LION's layers, with its mixers, losses and models as
   * teachers, else false
   */
  record?: boolean | undefined;
  /**
   * A signal that ends training after the current step, with a checkpoint. If
   * training is waiting for data or a callback, it ends immediately, without
   * the step or evaluation that needs them; with several ranks, it waits for
   * the data.
   */
  signal?: AbortSignal | undefined;
  /**
   * The ranks that train the model together, as from `openMpi()` of `./mpi`.
   * All of them call `train` with the same options and data. Each computes its
   * rows of each batch, and every loss, gradient norm and evaluation is that of
   * the whole batch. All start with the weights of rank 0. Only rank 0 reads
   * and writes checkpoints, writes the log and shows progress; callbacks are
   * called on each rank. A signal on one rank ends training on all, and an
   * error on one is thrown on all. @default none
   */
  communicator?: Communicator | undefined;
  /**
   * The axis that ranks divide among each other: the examples of each batch,
   * or, with `"sequence"`, the tokens of each example, for sequences that are
   * too long for one process; see `contextParallel` for those models. Inputs
   * then have any length. Labels of tokens are shared, those of examples are
   * not. Dropout drops different values from those in one process.
   * `{ sequence: 4 }` is both: of 8 ranks the first 4 share the tokens of one
   * half of each batch, and the others those of the other half.
   * @default "data"
   */
  ranks?: SharedBy | undefined;
  /** Evaluation at intervals and at the end. @default none */
  evaluate?: EvaluationOptions | undefined;
  /**
   * Keeps the weights of the best evaluation and gives them to the model in the
   * end, even if training is aborted; `patience` ends training early. Values
   * that are not finite are never the best. Checkpoints then hold these weights
   * too, for `loadCheckpoint(model, path, { best: true })`. @default none
   */
  best?: BestOptions | undefined;
  /** Checkpoints to save and to resume from. @default none */
  checkpoints?: CheckpointOptions | undefined;
  /**
   * The path of a log file with one line of JSON per step and evaluation, as in
   * `{ lines: path }`; with `{ tensorBoard: folder }`, a log that TensorBoard draws.
   * @default none
   */
  log?: string | LogOptions | undefined;
  /**
   * How to show progress: `true` and `"auto"` use `trainingProgress()`, `false`
   * shows nothing. @default "auto"
   */
  progress?: TrainingProgress | boolean | "auto" | undefined;
  /**
   * Callbacks as in `model.fit`. A "batch" is a step, numbered within its
   * epoch. With `onBatchEnd`, each step waits for its loss.
   */
  callbacks?:
    | Pick<
      CustomCallbackArgs,
      | "onTrainBegin"
      | "onTrainEnd"
      | "onEpochBegin"
      | "onEpochEnd"
      | "onBatchBegin"
      | "onBatchEnd"
    >
    | undefined;
}

const OPTIONS = optionsOf<TrainOptions>()(
  "steps epochs loss distillation optimizer ema seed record signal",
  "communicator ranks evaluate best checkpoints log progress callbacks",
);
const OPTIMIZER = optionsOf<OptimizerOptions>()(
  "learningRate warmUpSteps beta1 beta2 epsilon weightDecay decays",
  "learningRateFactor clipNorm accumulate",
);
const EVALUATE = optionsOf<EvaluationOptions>()("data metrics every");
const BEST = optionsOf<BestOptions>()("metric mode patience");
const CHECKPOINTS = optionsOf<CheckpointOptions>()("folder every keep resume");
const CALLBACKS = optionsOf<NonNullable<TrainOptions["callbacks"]>>()(
  "onTrainBegin onTrainEnd onEpochBegin onEpochEnd onBatchBegin onBatchEnd",
);

/** Throws unless all options are known and have the right types. */
function assertKnown(options: TrainOptions, data: BatchStream): void {
  assertOptions("train", options, OPTIONS);
  const { loss, optimizer, ema, evaluate, checkpoints, callbacks } = options;
  const { progress = "auto", communicator } = options;
  assertCommunicator("train's", communicator);
  assertSignal("train's", options.signal);
  const { from } = Object(data) as BatchStream;
  if (typeof from !== "function") {
    throw new TypeError(
      `train's data should be a stream such as shuffledBatches or imageBatches makes, got ${
        shown(data)
      }`,
    );
  }
  assertFunctions("train's", { loss });
  if (loss as unknown === crossEntropy) {
    throw new TypeError(
      "train's loss should be what crossEntropy returns, got crossEntropy itself; call it: crossEntropy()",
    );
  }
  if (optimizer !== undefined) {
    assertOptions("train's optimizer", optimizer, OPTIMIZER);
  }
  if (ema !== undefined) assertOptions("train's ema", ema, { decay: true });
  if (evaluate !== undefined) {
    assertOptions("train's evaluate", evaluate, EVALUATE);
    const { data, metrics = {} } = evaluate;
    if (typeof data !== "function") {
      throw new TypeError(
        `train's evaluate data should be a function that returns one pass, such as () => batchesInOrder(…), got ${
          shown(data)
        }`,
      );
    }
    assertMetrics(metrics);
  }
  if (checkpoints !== undefined) {
    assertOptions("train's checkpoints", checkpoints, CHECKPOINTS);
    assertBoolean("checkpoints.resume", checkpoints.resume ?? false);
    assertPath("checkpoints.folder", checkpoints.folder);
  }
  if (options.log !== undefined) assertLog(options.log);
  assertBoolean("record", options.record ?? false);
  if (callbacks !== undefined) {
    assertOptions("train's callbacks", callbacks, CALLBACKS);
    assertFunctions("train's callback", callbacks);
  }
  if (typeof progress === "object") {
    const { begin, update, end, compiled = () => {} } = progress;
    assertFunctions("progress's", { begin, update, end, compiled });
  } else if (progress !== "auto" && typeof progress !== "boolean") {
    throw new TypeError(
      `progress should be true, false, "auto" or an object of functions, got ${
        shown(progress)
      }`,
    );
  }
}

/** {@linkcode TrainOptions} with their defaults. */
export interface Settings extends UpdateSettings {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly accumulate: number;
  /** The teacher's part of the loss; `undefined` without a teacher. */
  readonly distillation: Distillation | undefined;
  readonly schedule: Schedule;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly saveEvery: number;
  readonly keep: number;
}

/** The most batches of a step. */
const MOST_ACCUMULATED = 2 ** 16;

/** Fills in the defaults of the options; throws if one is invalid. */
export function settingsOf(
  options: TrainOptions,
  data: BatchStream,
): Settings {
  assertKnown(options, data);
  const { optimizer = {}, ema, seed = 0, evaluate, checkpoints } = options;
  const { accumulate = 1, clipNorm = 1, decays = decaysByDefault } = optimizer;
  assertFinite("seed", seed);
  assertInteger("accumulate", accumulate, 1, MOST_ACCUMULATED);
  assertFunctions("train's optimizer", { decays });
  const { learningRateFactor: rateOf } = optimizer;
  if (rateOf !== undefined) {
    assertFunctions("train's optimizer", { learningRateFactor: rateOf });
  }
  assertInteger("data's stepsPerEpoch", data.stepsPerEpoch, 1);
  assertNumber("clipNorm", clipNorm);
  if (!(clipNorm > 0)) {
    throw new RangeError(
      `clipNorm should be above 0, or Infinity for no clipping, got ${clipNorm}`,
    );
  }
  if (ema) {
    const { decay } = ema;
    assertNumber("ema's decay", decay);
    if (!(decay >= 0 && decay < 1)) {
      throw new RangeError(`ema's decay should be in [0, 1), got ${decay}`);
    }
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
    rateOf,
    clipNorm,
    averageDecay: ema?.decay,
    best: bestOf(options),
    steps,
    stepsPerEpoch,
    accumulate,
    distillation: options.distillation === undefined
      ? undefined
      : distillationOf(options.distillation),
    schedule: typeof learningRate === "number"
      ? warmUpCosine({ learningRate, warmUpSteps, steps })
      : learningRate,
    seed,
    ...counts,
  };
}

/** Fills in the defaults of the option `best`; throws if it is invalid. */
function bestOf({ best, evaluate }: TrainOptions): BestSettings | undefined {
  if (best === undefined) return undefined;
  assertOptions("train's best", best, BEST);
  const { metric = "loss", patience = Infinity } = best;
  const { mode = metric === "loss" ? "min" : "max" } = best;
  const known = ["loss", ...Object.keys(evaluate?.metrics ?? {})];
  if (!evaluate || !known.includes(metric)) {
    throw new RangeError(
      `best.metric should be one that train's evaluate computes, ${
        evaluate ? known.join(" or ") : "which needs that option"
      }, got ${shown(metric)}`,
    );
  }
  assertOneOf("best.mode", mode, ["min", "max"]);
  if (patience !== Infinity) assertInteger("best.patience", patience, 1);
  return { metric, mode, patience };
}

function stepsOf(
  { steps, epochs }: TrainOptions,
  stepsPerEpoch: number,
): number {
  if ((steps === undefined) === (epochs === undefined)) {
    throw new RangeError(
      `train should get either steps or epochs, got ${
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
