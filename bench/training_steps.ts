/** What each step of a training, or each new token, asks of the processor and of WebGPU. @module */
import process from "node:process";
import { generate, lionGpt, lionViT } from "@lionjs/lion";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { datasetOf, shuffledBatches } from "@lionjs/lion/data";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { Variant } from "./attention_problem.ts";
import { GpuCallCounter, type GpuCalls } from "./gpu_calls.ts";
import { stopwatch } from "./measure/timing.ts";

/** A step, from the making of a batch to that of the next. */
export interface Step {
  /** Milliseconds of the processor, in all threads. */
  readonly processor: number;
  /** Milliseconds. */
  readonly wall: number;
  /** Calls of WebGPU. */
  readonly calls: GpuCalls;
}

/** Takes a step each time that it is called. */
class StepTimer {
  readonly steps: Step[] = [];
  readonly #counter = new GpuCallCounter();
  #processor = processorTime();
  #at = performance.now();

  /** Ends a step, and begins the next. */
  next(): void {
    const processor = processorTime(), now = performance.now();
    this.steps.push({
      processor: processor - this.#processor,
      wall: now - this.#at,
      calls: this.#counter.take(),
    });
    [this.#processor, this.#at] = [processor, now];
  }

  /** Counts no more. */
  stop(): void {
    this.#counter.stop();
  }
}

/** Milliseconds of the processor that this process has used. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Sizes of a model's blocks. */
export interface BlockSizes {
  readonly dim: number;
  readonly depth: number;
  readonly numHeads: number;
}

/** A model of images, with more classes than batches have examples. */
export function steppedViT(
  sizes: BlockSizes,
  variant: Variant,
  imageSize: number,
): LayersModel {
  return lionViT({
    ...sizes,
    ...{ variant, imageSize, patchSize: 16, numClasses: 1000, seed: 1 },
  });
}

/** A causal language model. */
export function steppedGpt(sizes: BlockSizes, variant: Variant): LayersModel {
  return lionGpt({ ...sizes, variant, vocabularySize: 1000, seed: 1 });
}

/** The first step of a training, on a device that has no pipelines yet. */
export interface FirstStep {
  /** Until its loss has been read. */
  readonly milliseconds: number;
  /** Pipelines that were made. */
  readonly pipelines: number;
}

/**
 * Trains an image model for one step.
 *
 * @param model As of {@linkcode trainingSteps}.
 * @param batch Images of a batch.
 */
export async function firstStep(
  model: LayersModel,
  batch: number,
): Promise<FirstStep> {
  const counter = new GpuCallCounter();
  try {
    const milliseconds = await stopwatch(async () => {
      await trainOn(model, batch, { steps: 1, record: true });
    });
    return { milliseconds, pipelines: counter.take().pipelines };
  } finally {
    counter.stop();
  }
}

/** Trains on batches of the same pixels, each of which is told before it is made. */
async function trainOn(
  model: LayersModel,
  batch: number,
  { steps, record, next = () => {} }: {
    readonly steps: number;
    readonly record: boolean;
    readonly next?: () => void;
  },
): Promise<readonly number[]> {
  const [, ...shape] = model.inputs[0]!.shape as number[];
  const pixels = Float32Array.from(
    { length: batch * tf.util.sizeFromShape(shape) },
    (_, i) => (i * 7919 % 256) / 256,
  );
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
  const { losses } = await train(model, batches, {
    ...{ steps, loss: crossEntropy(), optimizer: { learningRate: 1e-4 } },
    ...{ progress: false, record },
  });
  return losses;
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
  const timer = new StepTimer();
  try {
    const losses = await trainOn(model, batch, {
      ...{ steps: UNCOUNTED + steps, record },
      next: () => timer.next(),
    });
    // The last interval is over when the batch after the last is made, or is not.
    return { steps: timer.steps.slice(1 + UNCOUNTED), losses };
  } finally {
    timer.stop();
  }
}

/**
 * Generates tokens, one after another.
 *
 * @param model A causal model.
 * @param steps Tokens that are returned; some before are not.
 */
export async function generationSteps(
  model: LayersModel,
  steps: number,
): Promise<Step[]> {
  const timer = new StepTimer();
  try {
    await generate(model, [1], {
      ...{ temperature: 0, maxNewTokens: UNCOUNTED + steps },
      onToken: () => timer.next(),
    });
    return timer.steps.slice(UNCOUNTED);
  } finally {
    timer.stop();
  }
}

/** Steps before all that repeats is there: recordings, and what waits for its second time. */
const UNCOUNTED = 12;
