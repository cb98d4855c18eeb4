/** How much memory training takes. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { mostBytes } from "@lionjs/tfjs/kernel";
import { LionBlock } from "../layers/block.ts";
import type { Shape } from "../layers/lion_layer.ts";
import { attentionCost, type LayerRun } from "./layer_runs.ts";

/** Bytes of a float32. */
const BYTES = 4;

/**
 * Estimated memory of a training step with Adam.
 *
 * A batch's share is estimated from the inputs and outputs of linear maps and
 * attention, and the gradients of the largest layer. For LION and softmax, the
 * estimate is at most 50% too high. Mixers with more operations around
 * attention need up to 50% more than estimated. Of a custom mixer, only its
 * `cost` and its parameters of layout `"linear"` are counted.
 */
export interface TrainingMemory {
  /**
   * Bytes that persist between steps: the weights and, for those that train,
   * the gradient and Adam's two moments.
   */
  readonly stateBytes: number;
  /**
   * Everything that a step needs, `stateBytes` included, with the blocks as
   * they are.
   */
  readonly bytes: number;
  /** `bytes` if no block had the option `gradientCheckpointing`. */
  readonly keptBytes: number;
  /** `bytes` if all blocks had the option `recompute`. */
  readonly recomputedBytes: number;
  /** The most bytes that the current backend can use; Infinity if unknown. */
  readonly limitBytes: number;
}

/** Estimates the memory of training a model, given how its layers run. */
export function trainingMemory(
  model: LayersModel,
  runs: readonly LayerRun[],
): TrainingMemory {
  const stateBytes = stateBytesOf(model);
  const bytesIf = (isRecomputed: (block: LionBlock) => boolean) =>
    stateBytes + batchBytes(model, runs, isRecomputed);
  return {
    stateBytes,
    bytes: bytesIf(({ gradientCheckpointing }) => gradientCheckpointing),
    keptBytes: bytesIf(() => false),
    recomputedBytes: bytesIf(() => true),
    limitBytes: mostBytes(),
  };
}

/**
 * The bytes that stay from step to step in a training with Adam: the weights,
 * and for those that train also the gradient and the moments.
 *
 * @param moments How many numbers an optimizer keeps per weight.
 */
export function stateBytesOf(model: LayersModel, moments = 2): number {
  const { weights, trainableWeights } = model;
  const count = (of: typeof weights) =>
    of.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return BYTES * (count(weights) + (1 + moments) * count(trainableWeights));
}

/**
 * Bytes that a batch takes: the kept values of all layers, the most recomputed
 * ones of one layer, and as much as the model's output for the loss.
 */
function batchBytes(
  model: LayersModel,
  runs: readonly LayerRun[],
  isRecomputed: (block: LionBlock) => boolean,
): number {
  // Recomputed values and gradients exist for one layer at a time.
  let kept = 0, again = 0;
  for (const run of runs) {
    const { layer, shape } = run;
    if (layer instanceof LionBlock && isRecomputed(layer)) {
      kept += BYTES * sizeOf(shape);
    } else kept += keptBytes(run);
    again = Math.max(again, keptBytes(run));
  }
  const last = runs.findLast(({ layer }) =>
    model.outputLayers.some((output) => output === layer)
  );
  const output = last ? BYTES * sizeOf(last.outputShape) : 0;
  return kept + again + output;
}

/**
 * Bytes that a layer keeps for its gradient, which in every form of attention
 * is the chunkwise one.
 */
function keptBytes(run: LayerRun): number {
  const { layer, outputShape } = run;
  const columns = layer.parameters
    .filter(({ layout = "same" }) => layout !== "same")
    .reduce((sum, { shape }) => sum + shape[0]! + shape[1]!, 0);
  const rows = sizeOf(outputShape.slice(0, -1));
  return BYTES * Math.max(rows * columns, sizeOf(outputShape)) +
    (attentionCost(run, "chunkwise")?.peakBytes ?? 0);
}

function sizeOf(shape: Shape): number {
  return shape.reduce<number>((product, size) => product * (size ?? 1), 1);
}
