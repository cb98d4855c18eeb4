import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel, Logs } from "@tensorflow/tfjs-layers";
import type { Batch, BatchStream } from "../data/stream.ts";
import { DivergenceError } from "./divergence_error.ts";
import { evaluate } from "./evaluate.ts";
import { appendToLog, beginLog, syncLog } from "./metrics_log.ts";
import { assertOneOutput } from "./predict.ts";
import type { Progress } from "./progress.ts";
import { MILLISECONDS_BETWEEN_READS, readAll } from "./read_all.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import type { RunParts } from "./run_identity.ts";
import {
  type EvaluationOptions,
  settingsOf,
  type TrainOptions,
} from "./train_options.ts";
import { trainingProgress } from "./training_progress.ts";
import { TrainingState } from "./training_state.ts";

/** What became of a training. */
export interface TrainingResult {
  /** Steps taken, those before a resumption included. */
  readonly steps: number;
  /** Whether its signal ended it before the last step. */
  readonly aborted: boolean;
  /** The losses of the steps that this call took. */
  readonly losses: readonly number[];
  /** Means of the last evaluation, by name; empty if there was none. */
  readonly evaluation: Readonly<Record<string, number>>;
  /** The last checkpoint, to be loaded with `loadCheckpoint`. */
  readonly checkpoint: string | undefined;
}

/**
 * Trains a model: Adam with decoupled weight decay, a schedule of learning
 * rates, clipping, accumulation and a moving average of the weights.
 *
 * All that is random depends on seeds and the step alone. So a run that was
 * aborted or killed, and is resumed, takes the very steps that it would have
 * taken, on the same backend with as many threads; other layers than LION's
 * draw their dropout as they like. With `stopSignal()` of `./notebook` as its
 * signal, Ctrl-C aborts it, and Jupyter's Stop.
 *
 * @example
 * ```ts
 * import { assertEquals, assertLess } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { crossEntropy, train } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 4, depth: 1, numHeads: 2, numClasses: 2, variant: "d",
 * });
 * const data = {
 *   stepsPerEpoch: 10,
 *   async *from() {
 *     while (true) {
 *       const values = tf.tensor3d([-1, -1, 1, 1], [2, 2, 1]);
 *       const labels = tf.tensor1d([0, 1], "int32");
 *       yield { inputs: [values, tf.ones([2, 2])], labels, size: 2 };
 *     }
 *   },
 * };
 * const { losses, checkpoint } = await train(model, data, {
 *   loss: crossEntropy(),
 *   steps: 40,
 *   optimizer: { learningRate: 0.02, warmUpSteps: 5 },
 *   checkpoints: { folder: await Deno.makeTempDir(), resume: true },
 *   progress: false,
 * });
 * assertLess(losses.at(-1)!, losses[0]!);
 * assertEquals(checkpoint!.endsWith("step-000040"), true);
 * ```
 *
 * @param model With one output; its weights are changed.
 * @param data Batches in the order of the model's inputs, disposed of here.
 * @param options See {@linkcode TrainOptions}.
 * @returns See {@linkcode TrainingResult}.
 * @throws {TypeError} If the model has more outputs.
 * @throws {RangeError} If an option is impossible, the folder of the checkpoints
 * is another run's, or the run to resume had other options.
 * @throws {DivergenceError} If a loss or a gradient is not finite.
 * @throws {Error} If a file cannot be written, or no checkpoint can be read.
 */
export async function train(
  model: LayersModel,
  data: BatchStream,
  options: TrainOptions,
): Promise<TrainingResult> {
  assertOneOutput(model);
  const settings = settingsOf(options, data);
  const parts = { model, data, loss: options.loss, settings };
  const state = new TrainingState(model, settings);
  let checkpoints: RunCheckpoints | undefined;
  try {
    if (options.checkpoints) {
      checkpoints = await RunCheckpoints.open(
        options.checkpoints,
        parts,
        state,
      );
    }
    if (options.log) await beginLog(options.log, state.steps);
    return await new Run(parts, options, state, checkpoints).toEnd();
  } finally {
    state.dispose();
    await checkpoints?.close();
  }
}

/** A step whose loss is still on the device. */
interface UnreadStep {
  readonly step: number;
  /** Examples. */
  readonly size: number;
  readonly learningRate: number;
  /** `[loss, gradientNorm]` */
  readonly figures: tf.Tensor;
}

const SILENT: Progress = { begin() {}, update() {}, end() {} };

function progressOf({ progress = "auto" }: TrainOptions): Progress {
  if (typeof progress === "object") return progress;
  return progress ? trainingProgress() : SILENT;
}

/** The steps from where the state is to the last one. */
class Run {
  readonly #parts: RunParts;
  readonly #options: TrainOptions;
  readonly #state: TrainingState;
  readonly #checkpoints: RunCheckpoints | undefined;
  readonly #progress: Progress;
  readonly #began: { readonly at: number; readonly steps: number };
  readonly #losses: number[] = [];
  #unread: UnreadStep[] = [];
  #lastRead = performance.now();
  #examples = 0;
  #evaluation: Record<string, number> = {};
  /** The epoch that has begun and not ended, and its first of {@linkcode #losses}. */
  #epoch: { readonly number: number; readonly first: number } | undefined;

  constructor(
    parts: RunParts,
    options: TrainOptions,
    state: TrainingState,
    checkpoints: RunCheckpoints | undefined,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#state = state;
    this.#checkpoints = checkpoints;
    this.#progress = progressOf(options);
    this.#began = { at: performance.now(), steps: state.steps };
  }

  async toEnd(): Promise<TrainingResult> {
    const { data, settings: { steps, accumulate } } = this.#parts;
    const { signal, callbacks = {} } = this.#options;
    const state = this.#state;
    const batches = data.from(state.steps * accumulate)[Symbol.asyncIterator]();
    this.#progress.begin({ step: state.steps, steps });
    try {
      await callbacks.onTrainBegin?.();
      while (state.steps < steps && !signal?.aborted) {
        await this.#step(batches);
      }
      await this.#read();
      if (state.steps > this.#began.steps) await this.#save();
      await this.#endEpoch();
      await callbacks.onTrainEnd?.();
    } finally {
      tf.dispose(this.#unread.map(({ figures }) => figures));
      try {
        await this.#progress.end();
      } finally {
        await batches.return?.();
      }
    }
    state.useAverage();
    return {
      steps: state.steps,
      aborted: state.steps < steps,
      losses: this.#losses,
      evaluation: this.#evaluation,
      checkpoint: this.#checkpoints?.last,
    };
  }

  async #step(batches: AsyncIterator<Batch>): Promise<void> {
    const { settings } = this.#parts;
    const { steps, stepsPerEpoch, accumulate, seed, schedule } = settings;
    const { callbacks = {}, evaluate } = this.#options;
    const state = this.#state;
    await this.#beginEpoch();
    await callbacks.onBatchBegin?.(state.steps % stepsPerEpoch);

    let size = 0;
    for (let i = 0; i < accumulate; i++) {
      const position = state.steps * accumulate + i;
      const { value: batch, done } = await batches.next();
      if (done) {
        throw new RangeError(
          `data should be endless, ended after ${position} batches`,
        );
      }
      size += batch.size;
      try {
        state.addGradients(batch, this.#parts.loss, `${seed}/${position}`);
      } finally {
        tf.dispose([...batch.inputs, batch.labels]);
      }
    }
    const step = state.steps + 1;
    const learningRate = schedule(step);
    const figures = state.step(learningRate);
    this.#unread.push({ step, size, learningRate, figures });

    const isLast = step === steps;
    const epochEnds = step % stepsPerEpoch === 0;
    const evaluates = evaluate &&
      (isLast || step % settings.evaluateEvery === 0);
    const saves = step % settings.saveEvery === 0;
    const waited = performance.now() - this.#lastRead;
    if (
      epochEnds || evaluates || saves || callbacks.onBatchEnd ||
      waited > MILLISECONDS_BETWEEN_READS
    ) await this.#read();
    if (evaluates) await this.#evaluate(evaluate);
    if (saves) await this.#save();
    if (epochEnds) await this.#endEpoch();
  }

  /** Waits for the losses of the steps so far, and tells whom they concern. */
  async #read(): Promise<void> {
    const { callbacks = {}, log } = this.#options;
    const unread = this.#unread;
    this.#unread = [];
    const figures = await readAll(unread.map(({ figures }) => figures));
    const records = unread.map(({ step, learningRate }, i) => {
      const [loss, gradientNorm] = figures[i] as [number, number];
      return { step, loss, learningRate, gradientNorm };
    });
    const bad = records.findIndex(({ loss, gradientNorm }) =>
      !Number.isFinite(loss) || !Number.isFinite(gradientNorm)
    );
    const good = bad < 0 ? records : records.slice(0, bad);
    if (log) await appendToLog(log, good);
    for (const [i, record] of good.entries()) {
      const { size } = unread[i]!;
      const batch = (record.step - 1) % this.#parts.settings.stepsPerEpoch;
      this.#losses.push(record.loss);
      this.#examples += size;
      await callbacks.onBatchEnd?.(batch, { batch, size, ...record });
    }
    if (bad >= 0) {
      const checkpoint = this.#checkpoints?.last;
      throw new DivergenceError({ ...records[bad]!, checkpoint });
    }
    this.#show();
    this.#lastRead = performance.now();
  }

  #show(): void {
    const { steps } = this.#parts.settings;
    const step = this.#state.steps, taken = step - this.#began.steps;
    if (taken === 0) return;
    const seconds = (performance.now() - this.#began.at) / 1000;
    this.#progress.update({
      step,
      steps,
      loss: this.#losses.at(-1)!,
      evaluation: this.#evaluation,
      examplesPerSecond: this.#examples / seconds,
      secondsLeft: (steps - step) * seconds / taken,
    });
  }

  async #evaluate({ data, metrics = {} }: EvaluationOptions): Promise<void> {
    const { model, loss } = this.#parts;
    const evaluation = await this.#state.withAverage(() =>
      evaluate(model, data(), { loss, metrics })
    );
    this.#evaluation = evaluation;
    const { log } = this.#options;
    const step = this.#state.steps;
    if (log) await appendToLog(log, [{ step, evaluation }]);
  }

  async #save(): Promise<void> {
    if (!this.#checkpoints) return;
    if (this.#options.log) await syncLog(this.#options.log);
    await this.#checkpoints.save(this.#state);
  }

  async #beginEpoch(): Promise<void> {
    if (this.#epoch) return;
    const { stepsPerEpoch } = this.#parts.settings;
    const number = Math.floor(this.#state.steps / stepsPerEpoch);
    this.#epoch = { number, first: this.#losses.length };
    await this.#options.callbacks?.onEpochBegin?.(number);
  }

  async #endEpoch(): Promise<void> {
    if (!this.#epoch) return;
    const { number, first } = this.#epoch;
    this.#epoch = undefined;
    const losses = this.#losses.slice(first);
    const logs: Logs = {
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    };
    for (const [name, mean] of Object.entries(this.#evaluation)) {
      logs[`val_${name}`] = mean;
    }
    await this.#options.callbacks?.onEpochEnd?.(number, logs);
  }
}
