/** The training loop. @module */
import { assertIterable, unlessAborted } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { Logs } from "@tensorflow/tfjs-layers";
import type { Batch } from "@lionjs/data/batches";
import { assertBatch, wrongLabelsInMemory } from "./batch_check.ts";
import {
  type LossFor,
  lossFor,
  promisedBy,
  PromisedLogits,
  promises,
} from "./distillation.ts";
import {
  beforeOf,
  type Divergence,
  DivergenceError,
} from "./divergence_error.ts";
import { evaluateBy } from "./evaluate.ts";
import { Kept } from "./metrics/kept.ts";
import type { MetricsLog } from "./reports/metrics_log.ts";
import { warnOfMemory } from "./memory_check.ts";
import {
  disposeBatch,
  shapesOf,
  shareIn,
  wrongLabels,
} from "./model_output.ts";
import type { TrainingProgress } from "./reports/progress.ts";
import { MILLISECONDS_BETWEEN_READS, readAll } from "./reports/read_all.ts";
import type { Ranks, Share } from "./ranks.ts";
import type { RankCheckpoints } from "./rank_checkpoints.ts";
import type { RunParts } from "./run_identity.ts";
import type { EvaluationOptions, TrainOptions } from "./train_options.ts";
import { trainingProgress } from "./reports/training_progress.ts";
import type { TrainingState } from "./training_state.ts";

/** The result of training. */
export interface TrainingResult {
  /** Number of steps taken, including those before a resumption. */
  readonly steps: number;
  /** Whether the signal ended training early. */
  readonly aborted: boolean;
  /**
   * Whether training ended early because `best.patience` ran out.
   */
  readonly stoppedEarly: boolean;
  /** The loss of each step that this call took. */
  readonly losses: readonly number[];
  /**
   * Means of the last evaluation that was not aborted, by name; empty if there
   * was none. A run that is resumed with no step left is evaluated again.
   */
  readonly evaluation: Readonly<Record<string, number>>;
  /**
   * The best evaluation, if the option `best` is given and there was one: its
   * metric's value, and the step whose weights the model has.
   */
  readonly best: { readonly step: number; readonly value: number } | undefined;
  /** The path of the last checkpoint, for `loadCheckpoint`. */
  readonly checkpoint: string | undefined;
  /**
   * How many batches were replayed (see the option `record`) and, if some were
   * not but should have been, why.
   */
  readonly replayed: { readonly batches: number; readonly refusal?: string };
}

/** A step whose loss is still on the device. */
interface UnreadStep {
  readonly step: number;
  readonly size: number;
  readonly learningRate: number;
  /** The loss and the gradient norm, `[2]`. */
  readonly figures: tf.Tensor;
  /** The labels of the step's batches, to inspect if the loss is not finite. */
  readonly labels: readonly tf.Tensor[];
}

function disposeSteps(steps: readonly UnreadStep[]): void {
  tf.dispose(steps.flatMap(({ figures, labels }) => [figures, ...labels]));
}

const SILENT: TrainingProgress = { begin() {}, update() {}, end() {} };

function progressOf(
  { progress = "auto" }: TrainOptions,
  { isFirst }: Ranks,
): TrainingProgress {
  if (!isFirst) return SILENT;
  if (typeof progress === "object") return progress;
  return progress ? trainingProgress() : SILENT;
}

/** The first batch alone, whose labels are looked at before it is used. */
async function* firstOf(
  batches: AsyncIterable<Batch>,
  look: (labels: tf.Tensor) => void,
): AsyncGenerator<Batch, void> {
  for await (const batch of batches) {
    try {
      if (batch?.labels instanceof tf.Tensor) look(batch.labels);
    } catch (error) {
      disposeBatch(batch);
      throw error;
    }
    yield batch;
    return;
  }
}

/** A run of training, from the current state to the last step. */
export class Run {
  readonly #parts: RunParts;
  readonly #lossFor: LossFor;
  /** Whether the teacher answers with a promise, for which a step waits. */
  #teacherPromises: boolean;
  readonly #options: TrainOptions;
  readonly #state: TrainingState;
  readonly #ranks: Ranks;
  readonly #checkpoints: RankCheckpoints | undefined;
  /** The log, on the rank that writes it. */
  readonly #log: MetricsLog | undefined;
  /** The signal that ends waiting; none with ranks, since others wait for this one. */
  readonly #signal: AbortSignal | undefined;
  readonly #progress: TrainingProgress;
  readonly #began: { readonly at: number; readonly steps: number };
  readonly #losses: number[] = [];
  #unread: UnreadStep[] = [];
  #lastRead = performance.now();
  #examples = 0;
  #evaluation: Record<string, number> = {};
  /** The current epoch, and the index of its first loss in {@linkcode #losses}. */
  #epoch: { readonly number: number; readonly first: number } | undefined;

  constructor(
    parts: RunParts,
    options: TrainOptions,
    state: TrainingState,
    ranks: Ranks,
    checkpoints: RankCheckpoints | undefined,
    log: MetricsLog | undefined,
  ) {
    this.#parts = parts;
    const { distillation } = parts.settings;
    this.#lossFor = lossFor(parts.loss, distillation);
    this.#teacherPromises = promises(distillation?.teacher);
    this.#options = options;
    this.#state = state;
    this.#ranks = ranks;
    this.#checkpoints = checkpoints;
    this.#log = log;
    this.#signal = ranks.communicator ? undefined : options.signal;
    this.#progress = progressOf(options, ranks);
    this.#began = { at: performance.now(), steps: state.steps };
  }

  async toEnd(): Promise<TrainingResult> {
    const { data, settings: { steps, accumulate } } = this.#parts;
    const { callbacks = {} } = this.#options;
    const state = this.#state;
    const batches = data.from(state.steps * accumulate)[Symbol.asyncIterator]();
    this.#progress.begin({ step: state.steps, steps });
    try {
      await this.#wait(callbacks.onTrainBegin?.());
      if (!this.#signal?.aborted) await this.#evaluateAgain();
      if (!this.#signal?.aborted) await this.#tryMetrics();
      // Ranks do not receive the signal at once, so they agree in each step.
      let stops = Boolean(this.#signal?.aborted);
      while (state.steps < steps && !stops && !state.best?.isOver) {
        stops = await this.#step(batches);
      }
      await this.#read();
      state.assertModel();
      if (state.steps > this.#began.steps) await this.#save();
      await this.#endEpoch();
      await this.#wait(callbacks.onTrainEnd?.());
    } finally {
      disposeSteps(this.#unread);
      try {
        await this.#wait(this.#progress.end());
      } finally {
        await batches.return?.();
      }
    }
    state.assertModel();
    state.useAverage();
    state.best?.use();
    const stoppedEarly = state.steps < steps && Boolean(state.best?.isOver);
    return {
      steps: state.steps,
      aborted: state.steps < steps && !stoppedEarly,
      stoppedEarly,
      losses: this.#losses,
      evaluation: this.#evaluation,
      best: state.best?.found,
      checkpoint: this.#checkpoints?.last,
      replayed: state.replayed,
    };
  }

  /**
   * Waits for a callback until the signal ends the wait. Training then goes on
   * to its end, whose callbacks are awaited.
   */
  async #wait(callback: void | Promise<void>): Promise<void> {
    try {
      const signal = this.#signal?.aborted ? undefined : this.#signal;
      await unlessAborted(signal, callback);
    } catch (error) {
      if (!this.#isAbort(error)) throw error;
    }
  }

  #isAbort(error: unknown): boolean {
    return Boolean(this.#signal?.aborted) && error === this.#signal!.reason;
  }

  /** Takes a step; returns whether training should stop after it. */
  async #step(batches: AsyncIterator<Batch>): Promise<boolean> {
    const { model, settings } = this.#parts;
    const { stepsPerEpoch, accumulate, seed, schedule } = settings;
    const { callbacks = {}, evaluate, signal } = this.#options;
    const { communicator } = this.#ranks;
    const state = this.#state;
    await this.#beginEpoch();
    await this.#wait(
      callbacks.onBatchBegin?.(state.steps % stepsPerEpoch),
    );

    let size = 0;
    let stops = false;
    const labels: tf.Tensor[] = [];
    const step = state.steps + 1;
    try {
      const shapes: string[] = [];
      const own = await this.#ranks.together(async () => {
        for (let i = 0; i < accumulate; i++) {
          const position = state.steps * accumulate + i;
          const { value: batch, done } = await batches.next();
          if (done) {
            throw new RangeError(
              `data should be endless, ended after ${position} batches`,
            );
          }
          assertBatch(model, batch);
          const isFirst = step === this.#began.steps + 1 && i === 0;
          if (isFirst && !communicator) {
            warnOfMemory(model, batch);
          }
          size += batch.size;
          labels.push(batch.labels);
          if (communicator) shapes.push(shapesOf(batch));
          try {
            state.assertModel();
            await this.#assertLabels(step, batch.labels);
            const share = this.#ranks.shareOf(batch.labels.shape[0]!);
            const dropoutSeed = `${seed}/${position}`;
            if (isFirst) await this.#compile(batch, dropoutSeed, share);
            const isLast = step === settings.steps;
            await this.#addGradients(batch, dropoutSeed, share, isLast);
          } finally {
            tf.dispose([...batch.inputs]);
          }
        }
        if (!communicator) return undefined;
        return await state.ownSums(Boolean(signal?.aborted));
      }, () => ({ [`data of step ${step}`]: shapes.join("; ") }));
      if (communicator) stops = await state.addRanks(communicator, own!);
      const learningRate = schedule(step);
      if (typeof learningRate !== "number") {
        throw new TypeError(
          `learningRate should be a function that returns a number, got ${typeof learningRate} for step ${step}`,
        );
      }
      const figures = state.step(learningRate);
      this.#unread.push({ step, size, learningRate, figures, labels });
    } catch (error) {
      tf.dispose(labels);
      if (this.#isAbort(error)) return true;
      throw error;
    }

    const epochEnds = step % stepsPerEpoch === 0;
    const evaluates = evaluate && this.#isEvaluated(step);
    const saves = step % settings.saveEvery === 0;
    const waited = performance.now() - this.#lastRead;
    // With ranks, each step's loss is read, so that all ranks throw its error
    // at the same step.
    const isAwaited = communicator || callbacks.onBatchEnd;
    if (
      epochEnds || evaluates || saves || isAwaited ||
      waited > MILLISECONDS_BETWEEN_READS
    ) await this.#read();
    if (evaluates) await this.#evaluate(evaluate);
    if (saves) await this.#save();
    if (epochEnds) await this.#endEpoch();
    return communicator ? stops : Boolean(signal?.aborted);
  }

  /** Adds a batch's gradients, after a teacher that promises its logits has answered. */
  async #addGradients(
    batch: Batch,
    dropoutSeed: string,
    share: Share,
    isLast: boolean,
  ): Promise<void> {
    const add = (taught?: tf.Tensor) =>
      this.#state.addGradients(
        ...[batch, this.#lossFor, dropoutSeed, share, isLast, taught] as const,
      );
    if (share.rows?.count === 0) return add();
    if (!this.#teacherPromises) {
      try {
        return add();
      } catch (error) {
        if (!(error instanceof PromisedLogits)) throw error;
        // What it computed before its first wait is disposed of: it is asked again.
        await error.logits.then((x) => tf.dispose(x as tf.Tensor), () => {});
        this.#teacherPromises = true;
      }
    }
    const { model, settings } = this.#parts;
    const inputs = tf.tidy(() => [...shareIn(model, batch, share).inputs]);
    let taught: tf.Tensor | undefined;
    try {
      taught = await promisedBy(settings.distillation!.teacher, inputs);
      add(taught);
    } finally {
      taught?.dispose();
      tf.dispose(inputs.filter((part, i) => part !== batch.inputs[i]));
    }
  }

  /** Compiles all shaders of a step together, before the first step. */
  async #compile(
    batch: Batch,
    dropoutSeed: string,
    share: Share,
  ): Promise<void> {
    const signal = this.#signal;
    // Once aborted, this step is the last one, and compiles when it runs.
    if (signal?.aborted) return;
    await this.#state.compileAhead(
      ...[batch, this.#lossFor, dropoutSeed, share] as const,
      (done, total) => this.#progress.compiled?.({ done, total }),
      signal,
    );
    // During the wait, the signal may have aborted or the model been disposed of.
    signal?.throwIfAborted();
    this.#state.assertModel();
  }

  /** Throws before a step if its labels are known to be wrong. */
  async #assertLabels(step: number, labels: tf.Tensor): Promise<void> {
    const { model, loss } = this.#parts;
    const wrong = await wrongLabelsInMemory(model, loss, labels);
    if (!wrong) return;
    throw new RangeError(
      `labels of step ${step} ${wrong}; the step was not taken, the weights are those of step ${
        step - 1
      }`,
    );
  }

  /** Waits for the losses of the steps taken since the last read, and reports them. */
  async #read(): Promise<void> {
    const unread = this.#unread;
    this.#unread = [];
    try {
      await this.#tell(unread);
    } finally {
      disposeSteps(unread);
    }
    this.#show();
    this.#lastRead = performance.now();
  }

  /** Reports losses to the log, the callbacks and the result. */
  async #tell(unread: readonly UnreadStep[]): Promise<void> {
    const { callbacks = {} } = this.#options;
    const figures = await readAll(unread.map(({ figures }) => figures));
    const records = unread.map(({ step, learningRate }, i) => {
      const [loss, gradientNorm] = figures[i] as [number, number];
      return { step, loss, learningRate, gradientNorm };
    });
    const bad = records.findIndex(({ loss, gradientNorm }) =>
      !Number.isFinite(loss) || !Number.isFinite(gradientNorm)
    );
    const good = bad < 0 ? records : records.slice(0, bad);
    await this.#log?.append(good);
    for (const [i, record] of good.entries()) {
      const { size } = unread[i]!;
      const batch = (record.step - 1) % this.#parts.settings.stepsPerEpoch;
      this.#losses.push(record.loss);
      this.#examples += size;
      await this.#wait(
        callbacks.onBatchEnd?.(batch, { batch, size, ...record }),
      );
    }
    if (bad >= 0) throw await this.#failureOf(records[bad]!, unread[bad]!);
  }

  /** The error for a step whose loss or gradient is not finite. */
  async #failureOf(
    record: Omit<Divergence, "checkpoint">,
    { step, labels }: UnreadStep,
  ): Promise<Error> {
    const { model, loss } = this.#parts;
    const checkpoint = this.#checkpoints?.last;
    const wrong = await wrongLabels(model, loss, labels);
    if (!wrong) return new DivergenceError({ ...record, checkpoint });
    return new RangeError(
      `labels of step ${step} ${wrong}; the weights are spoilt, ${
        beforeOf(checkpoint)
      }`,
    );
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

  #isEvaluated(step: number): boolean {
    const { steps, evaluateEvery } = this.#parts.settings;
    return step === steps || step % evaluateEvery === 0;
  }

  /**
   * Evaluates the step of the checkpoint that training is resumed from if its
   * evaluation was aborted, as which weights are the best depends on it; and if no
   * step is left to take, as the result has the last evaluation.
   */
  async #evaluateAgain(): Promise<void> {
    const { steps, best } = this.#state;
    const { evaluate } = this.#options;
    if (!evaluate || steps === 0 || !this.#isEvaluated(steps)) return;
    if (best && best.record.evaluatedAt < steps) await this.#evaluate(evaluate);
    else if (steps >= this.#parts.settings.steps || best?.isOver) {
      await this.#evaluate(evaluate, true);
    }
  }

  /**
   * Computes the metrics on one batch before the first step, so that one that
   * cannot be computed ends no epoch.
   */
  async #tryMetrics(): Promise<void> {
    const { model, loss, settings } = this.#parts;
    const { data, metrics = {} } = this.#options.evaluate ?? {};
    if (!data || Object.keys(metrics).length === 0) return;
    if (this.#state.steps >= settings.steps || this.#state.best?.isOver) return;
    const owner = "the batches of evaluate's data";
    const batches = data();
    assertIterable(owner, batches);
    const first = firstOf(batches, (labels) => {
      new Kept(metrics).assertFit(model.outputs[0]!.shape, labels.shape);
    });
    const options = { loss, metrics, signal: this.#signal, owner };
    try {
      await evaluateBy(this.#ranks, model, first, options);
    } catch (error) {
      if (!this.#isAbort(error)) throw error;
    }
  }

  /** @param isKnown Whether this evaluation is in the log, and among the best. */
  async #evaluate(
    { data, metrics = {} }: EvaluationOptions,
    isKnown = false,
  ): Promise<void> {
    const { model, loss } = this.#parts;
    const signal = this.#signal;
    const { steps, best } = this.#state;
    const { communicator } = this.#ranks;
    const evaluation = await this.#state.withAverage(async () => {
      const owner = "the batches of evaluate's data";
      const options = { loss, metrics, signal, owner };
      const batches = data();
      assertIterable(owner, batches);
      const all = await evaluateBy(this.#ranks, model, batches, options);
      if (!isKnown) await best?.consider(all, steps, communicator);
      return all;
    }).catch((error) => {
      if (!this.#isAbort(error)) throw error;
    });
    if (!evaluation) return;
    this.#evaluation = evaluation;
    if (!isKnown) await this.#log?.append([{ step: steps, evaluation }]);
  }

  async #save(): Promise<void> {
    if (!this.#checkpoints) return;
    await this.#log?.sync();
    await this.#checkpoints.save(this.#state);
  }

  async #beginEpoch(): Promise<void> {
    if (this.#epoch) return;
    const { stepsPerEpoch } = this.#parts.settings;
    const number = Math.floor(this.#state.steps / stepsPerEpoch);
    this.#epoch = { number, first: this.#losses.length };
    await this.#wait(this.#options.callbacks?.onEpochBegin?.(number));
  }

  async #endEpoch(): Promise<void> {
    if (!this.#epoch) return;
    const { number, first } = this.#epoch;
    this.#epoch = undefined;
    const losses = this.#losses.slice(first);
    const logs: Logs = {};
    if (losses.length > 0) { // none if the epoch's first batch never came
      logs["loss"] = losses.reduce((sum, loss) => sum + loss, 0) /
        losses.length;
    }
    for (const [name, mean] of Object.entries(this.#evaluation)) {
      logs[`val_${name}`] = mean;
    }
    await this.#wait(this.#options.callbacks?.onEpochEnd?.(number, logs));
  }
}
