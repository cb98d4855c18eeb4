/** Training of a model: checks of the options, and the parts of a run put together. @module */
import { assertIterable, itemsUnlessAborted } from "@lionjs/base";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { BatchStream } from "@lionjs/data/batches";
import { isOwnModel } from "../models/layer_runs.ts";
import { assertTeaches, type Teacher } from "./distillation.ts";
import { isOwnLoss, type Loss } from "./losses/loss.ts";
import type { MetricsLog } from "./reports/metrics_log.ts";
import { openLog } from "./reports/open_log.ts";
import { assertStateFits } from "./memory_check.ts";
import { assertOneOutput, disposeBatch } from "./model_output.ts";
import { RankCheckpoints } from "./rank_checkpoints.ts";
import { Ranks } from "./ranks.ts";
import { Run, type TrainingResult } from "./run.ts";
import { rankIdentityOf, type RunParts } from "./run_identity.ts";
import { settingsOf, type TrainOptions } from "./train_options.ts";
import { TrainingState } from "./training_state.ts";
import { takeWeights } from "./weights_in_training.ts";

/**
 * Trains a model with Adam, decoupled weight decay, a learning rate schedule,
 * gradient clipping and accumulation, and a moving average of the weights.
 *
 * Randomness depends only on the seeds and the step. So a run that was aborted
 * or killed and is then resumed takes exactly the steps that it would have
 * taken, on the same backend with the same number of threads, unless layers
 * other than LION's use dropout. With a `communicator`, ranks share each batch
 * and compute what one process would, up to rounding of sums. With
 * `interruptSignal()` of `./notebook` as its signal, Ctrl-C and Jupyter's Stop
 * abort it.
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
 * @param model A model with one output; its weights are changed.
 * @param data Batches whose inputs are in the model's order; they are disposed
 * of.
 * @param options See {@linkcode TrainOptions}.
 * @returns See {@linkcode TrainingResult}.
 * @throws {TypeError} If the model has several outputs, a batch's inputs differ
 * from the model's in number, shape or dtype, or an option is unknown or of the
 * wrong type.
 * @throws {RangeError} If an option is invalid, the checkpoint folder belongs
 * to another run or is in use, the run to resume had different options, ranks
 * differ in their training or in the shapes of a batch, another training or
 * `model.fit` is using the model's weights, the model's weights, gradients and
 * moments exceed the backend's memory, or labels are wrong. Up to 65,536 labels
 * per batch that are in memory, such as those from `collate`, are checked
 * before the step; others only if the loss is not finite.
 * @throws {DivergenceError} If a loss or a gradient is not finite.
 * @throws {Error} If a file cannot be written, no checkpoint can be read, or
 * another rank has failed; the message says which and why.
 * @throws {unknown} The signal's reason, if it comes before the first batch, which
 * is compared with that of the checkpoints' run.
 */
export async function train(
  model: LayersModel,
  data: BatchStream,
  options: TrainOptions,
): Promise<TrainingResult> {
  const ranks = new Ranks(Object(options).communicator);
  return await ranks.whole(() => trainBy(ranks, model, data, options));
}

async function trainBy(
  ranks: Ranks,
  model: LayersModel,
  data: BatchStream,
  options: TrainOptions,
): Promise<TrainingResult> {
  assertOneOutput(model);
  const given = settingsOf(options, data);
  const { loss } = options;
  const { teacher } = given.distillation ?? {};
  const isOwn = () => isOwnStep(model, loss, teacher);
  const { record = isOwn() && "own" as const } = options;
  const settings = {
    ...given,
    record: record === true ? "all" as const : record || undefined,
    isOwn,
    others: [loss, ...teacher ? [teacher] : []],
  };
  assertTeaches(model, settings.distillation);
  assertStateFits(model, settings);
  const release = takeWeights(model);
  try {
    const parts = {
      model,
      data: untilAborted(data, options),
      loss,
      settings,
    };
    return await trainParts(ranks, parts, options);
  } finally {
    release();
  }
}

/** Whether a step runs only the library's code, which computes the same each time. */
function isOwnStep(
  model: LayersModel,
  loss: Loss,
  teacher: Teacher | undefined,
): boolean {
  if (!isOwnLoss(loss) || typeof teacher === "function") return false;
  return isOwnModel(model) && (!teacher || isOwnModel(teacher));
}

/** Makes a signal end a wait for data; not with ranks, of which the others would wait. */
function untilAborted(
  data: BatchStream,
  { signal, communicator }: TrainOptions,
): BatchStream {
  const { stepsPerEpoch } = data;
  return {
    stepsPerEpoch,
    from(start) {
      const batches = data.from(start);
      assertIterable("what data's from returns", batches);
      if (!signal || communicator) return batches;
      return itemsUnlessAborted(signal, batches, disposeBatch);
    },
  };
}

async function trainParts(
  ranks: Ranks,
  parts: RunParts,
  options: TrainOptions,
): Promise<TrainingResult> {
  const { model, settings } = parts;
  const { evaluate, checkpoints: saved, log } = options;
  const { communicator } = ranks;
  ranks.share(options.ranks);
  const state = new TrainingState(model, settings);
  let checkpoints: RankCheckpoints | undefined;
  let result: TrainingResult;
  try {
    if (communicator) {
      const does = {
        ranks: options.ranks ?? "data" as const,
        evaluates: Boolean(evaluate),
        saves: Boolean(saved),
      };
      await ranks.assertSame(
        await ranks.together(() => rankIdentityOf(parts, does)),
      );
    }
    if (saved) {
      checkpoints = await RankCheckpoints.open(ranks, saved, parts, state);
    }
    if (communicator) await state.broadcast(communicator);
    let opened: MetricsLog | undefined;
    if (log) {
      await ranks.together(async () => {
        if (ranks.isFirst) opened = await openLog(log, state.steps);
      });
    }
    result = await new Run(parts, options, state, ranks, checkpoints, opened)
      .toEnd();
  } finally {
    state.dispose();
    await checkpoints?.close();
  }
  // Ranks return together, since another rank may still fail.
  return await ranks.together(() => Promise.resolve(result));
}
