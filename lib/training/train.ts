import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { BatchStream } from "../data/stream.ts";
import { assertTeaches } from "./distillation.ts";
import { beginLog } from "./metrics_log.ts";
import { assertOneOutput } from "./predict.ts";
import { Run, type TrainingResult } from "./run.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import { settingsOf, type TrainOptions } from "./train_options.ts";
import { TrainingState } from "./training_state.ts";

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
 * @throws {TypeError} If the model has more outputs, or an option is unknown or
 * of the wrong type.
 * @throws {RangeError} If an option is impossible, the folder of the checkpoints
 * is another run's or is trained into, the run to resume had other options, or
 * labels are why a loss is not finite.
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
  assertTeaches(model, settings.distillation);
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
