/** A model and data that are trained in milliseconds. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionEncoder, type LionEncoderOptions } from "../../mod.ts";
import type { Batch, BatchStream } from "../../lib/data/batches/stream.ts";
import {
  crossEntropy,
  type OptimizerOptions,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { array, uniform } from "../random.ts";

export { withFolder } from "../io/files.ts";

const LENGTH = 5, COLUMNS = 2, CLASSES = 3;

/** A model with all that is random in training. */
export function tinyModel(
  options: Partial<LionEncoderOptions> = {},
): LayersModel {
  return lionEncoder({
    inputDim: COLUMNS,
    dim: 4,
    depth: 2,
    numHeads: 2,
    mlpRatio: 1,
    numClasses: CLASSES,
    variant: "s",
    dropout: 0.1,
    dropPath: 0.2,
    seed: 1,
    ...options,
  });
}

/** A batch that depends on its position alone; a share of its labels is -100. */
export function tinyBatch(position: number, size = 4, uncounted = 0): Batch {
  const random = uniform(position);
  const values = array(size * LENGTH * COLUMNS, random);
  const labels = array(
    size,
    random,
    (u) => random() < uncounted ? -100 : Math.floor(CLASSES * u),
  );
  return {
    inputs: [
      tf.tensor3d(values, [size, LENGTH, COLUMNS]),
      tf.ones([size, LENGTH]),
    ],
    labels: tf.tensor1d([...labels], "int32"),
    size,
  };
}

/** An epoch of ten batches. */
export function tinyData(
  make: (position: number) => Batch = tinyBatch,
): BatchStream {
  return {
    stepsPerEpoch: 10,
    async *from(start) {
      for (let position = start;; position++) yield make(position);
    },
  };
}

/** One pass over two batches, the second smaller. */
export async function* tinyPass(): AsyncIterable<Batch> {
  yield await Promise.resolve(tinyBatch(-1));
  yield tinyBatch(-2, 3);
}

/** Options with all that there is to resume. */
export function tinyOptions(
  { optimizer, ...options }: Partial<TrainOptions> = {},
): TrainOptions {
  return {
    steps: 20,
    loss: crossEntropy({ labelSmoothing: 0.1 }),
    optimizer: { ...TINY_OPTIMIZER, ...optimizer },
    ema: { decay: 0.9 },
    seed: 5,
    progress: false,
    ...options,
  };
}

const TINY_OPTIMIZER: OptimizerOptions = {
  learningRate: 0.01,
  warmUpSteps: 3,
  weightDecay: 0.1,
  clipNorm: 0.5,
  accumulate: 2,
};

/** A line of a log. */
export interface LogLine {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly evaluation?: Record<string, number>;
}

/** The lines of a log. */
export async function logOf(path: string): Promise<LogLine[]> {
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** The values of all weights. */
export async function weightsOf(model: LayersModel): Promise<number[][]> {
  const values = await Promise.all(
    model.weights.map((weight) => weight.read().data()),
  );
  return values.map((value) => [...value]);
}
