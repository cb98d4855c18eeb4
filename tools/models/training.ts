/** The training of models, which can be stopped and continued with any number of steps. @module */
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import {
  loadPyTorchWeights,
  readSafetensors,
  toPyTorchWeights,
  writeSafetensors,
} from "@lionjs/lion/io";
import { type Loss, type Schedule, train } from "@lionjs/lion/training";
import type { BatchStream } from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { ModelRun } from "./model_recipe.ts";

/** The highest learning rate, and the steps until it is reached, and from which it falls. */
const RATE = { peak: 3e-3, warmUp: 100, falls: 600 };

/**
 * The learning rate: after the warm-up and a plateau it falls as one over the root of
 * the step, so that no number of steps has to be known.
 */
export const schedule: Schedule = (step) =>
  RATE.peak * Math.min(1, step / RATE.warmUp, Math.sqrt(RATE.falls / step));

/** What a training came to. */
export interface Trained {
  readonly steps: number;
  readonly examples: number;
  readonly parameters: number;
  /** Time that all its parts took. */
  readonly seconds: number;
  /** The mean loss of the last 200 steps. */
  readonly loss: number;
  readonly threads: number;
  readonly backend: string;
}

/** What is trained, and where it is kept. */
export interface TrainingTask {
  readonly model: LayersModel;
  readonly data: BatchStream;
  /** Examples per batch of the data. */
  readonly batchSize: number;
  readonly loss: Loss;
  readonly steps: number;
  /** The learning rate. @default {@linkcode schedule} */
  readonly learningRate?: Schedule | undefined;
  readonly seed: number;
  readonly folder: string;
}

/**
 * Trains a model for so many steps, or goes on with its training where it was stopped;
 * the model then has the moving average of its weights, which are kept.
 *
 * @param run `minutes` end it as it is; `signal` ends it for now.
 * @throws {unknown} The signal's reason.
 */
export async function trained(
  {
    model,
    data,
    batchSize,
    loss,
    steps,
    learningRate = schedule,
    seed,
    folder,
  }: TrainingTask,
  { minutes, signal, threads }: ModelRun,
): Promise<Trained> {
  await Deno.mkdir(folder, { recursive: true });
  const [result, weights] = [
    `${folder}/result.json`,
    `${folder}/weights.safetensors`,
  ];
  const before = await readJSON<Trained>(result);
  if (before && before.steps >= steps) {
    await loadWeights(model, weights);
    return before;
  }
  const started = performance.now();
  const timeOut = minutes === undefined
    ? new AbortController().signal
    : AbortSignal.timeout(60_000 * minutes);
  const log = `${folder}/log.jsonl`;
  const end = await train(model, data, {
    loss,
    steps,
    seed,
    optimizer: { learningRate, weightDecay: 0.01, clipNorm: 1 },
    ema: { decay: 0.999 },
    checkpoints: {
      folder: `${folder}/checkpoints`,
      every: 250,
      keep: 1,
      resume: true,
    },
    log,
    signal: AbortSignal.any([signal, timeOut]),
    progress: "auto",
  });
  const lines = (await Deno.readTextFile(log)).trim().split("\n").slice(-200);
  const losses = lines.map((line) => JSON.parse(line).loss as number);
  const now: Trained = {
    steps: end.steps,
    examples: batchSize * end.steps,
    parameters: model.countParams(),
    seconds: Math.round(
      (before?.seconds ?? 0) + (performance.now() - started) / 1000,
    ),
    loss: losses.reduce((a, b) => a + b, 0) / losses.length,
    threads,
    backend: tf.getBackend(),
  };
  const tensors = toPyTorchWeights(model);
  await writeSafetensors(weights, tensors);
  tf.dispose([...tensors.values()]);
  await writeJSON(result, now);
  signal.throwIfAborted();
  return now;
}

/** Gives a model the weights of a file. */
export async function loadWeights(
  model: LayersModel,
  file: string,
): Promise<void> {
  const { tensors } = await readSafetensors(file);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
}
