/** What each step of a training asks of the processor and of WebGPU. @module */
import process from "node:process";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { datasetOf, shuffledBatches } from "@lionjs/lion/data";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { GpuCallCounter, type GpuCalls } from "./gpu_calls.ts";

/** A step, from the making of a batch to that of the next. */
export interface Step {
  /** Milliseconds of the processor, in all threads. */
  readonly processor: number;
  /** Milliseconds. */
  readonly wall: number;
  /** Calls of WebGPU. */
  readonly calls: GpuCalls;
}

/** Milliseconds of the processor that this process has used. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Trains an image model for some steps, always on the same pixels.
 *
 * @param model A model of images, whose classes are more than there are examples.
 * @param batch Images of a batch.
 * @param steps Steps that are returned; some before make the pipelines, the
 * buffers and the bind groups.
 * @param record Whether steps are recorded and replayed.
 * @returns The steps, and the losses of all steps, the first ones too.
 */
export async function trainingSteps(
  model: LayersModel,
  batch: number,
  steps: number,
  record = true,
): Promise<{ steps: Step[]; losses: readonly number[] }> {
  const [, ...shape] = model.inputs[0]!.shape as number[];
  const pixels = Float32Array.from(
    { length: batch * tf.util.sizeFromShape(shape) },
    (_, i) => (i * 7919 % 256) / 256,
  );
  const counter = new GpuCallCounter(), taken: Step[] = [];
  let began = processorTime(), at = performance.now();
  const next = () => {
    const processor = processorTime(), now = performance.now();
    const calls = counter.take();
    taken.push({ processor: processor - began, wall: now - at, calls });
    [began, at] = [processor, now];
  };
  const examples = datasetOf(Array.from({ length: 8 * batch }, (_, i) => i));
  const batches = shuffledBatches(examples, {
    batchSize: batch,
    seed: 1,
    collate: (labels) => {
      next();
      return {
        inputs: [tf.tensor(pixels, [batch, ...shape])],
        labels: tf.tensor1d([...labels], "int32"),
        size: batch,
      };
    },
  });
  try {
    const { losses } = await train(model, batches, {
      steps: UNCOUNTED + steps,
      loss: crossEntropy(),
      optimizer: { learningRate: 1e-4 },
      ...{ progress: false, record },
    });
    // The last interval is over when the batch after the last is made, or is not.
    return { steps: taken.slice(1 + UNCOUNTED), losses };
  } finally {
    counter.stop();
  }
}

/** Steps before all that repeats is there: recordings, and what waits for its second time. */
const UNCOUNTED = 12;
