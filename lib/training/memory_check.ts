/** Whether a training fits into memory. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { mostBytes } from "@lionjs/tfjs/kernel";
import type { Batch } from "@lionjs/data/batches";
import { MixingLayer } from "../layers/mixing_layer.ts";
import { modelSummary } from "../models/forms.ts";
import { layersIn } from "../models/layer_runs.ts";
import {
  stateBytesOf,
  type TrainingMemory,
} from "../models/training_memory.ts";
import type { UpdateSettings } from "./training_state.ts";

/** Throws if a training would surely run out of memory, whatever its batches. */
export function assertStateFits(
  model: LayersModel,
  { averageDecay }: Pick<UpdateSettings, "averageDecay">,
  limit: number = mostBytes(),
): void {
  const averages = averageDecay === undefined ? 0 : 1;
  const bytes = stateBytesOf(model, 2 + averages);
  if (bytes <= limit) return;
  throw new RangeError(
    `model ${model.name} should fit into WebAssembly's ${limit} bytes in training, got one that needs ${bytes} for its weights, their gradients and Adam's moments${
      averages ? ", and the average of ema" : ""
    } alone: use fewer columns or blocks, layers that do not train (trainable: false)${
      averages ? ", no ema" : ""
    } or WebGPU; smaller batches and gradientCheckpointing: true save only what a batch adds`,
  );
}

/** Warns before the first step if its estimate is more than the backend can have. */
export function warnOfMemory(
  model: LayersModel,
  { inputs }: Pick<Batch, "inputs">,
  limit: number = mostBytes(),
): void {
  if (limit === Infinity) return;
  if (!layersIn(model).some((layer) => layer instanceof MixingLayer)) return;
  const shapes = inputs.map(({ shape }) => shape);
  const estimate = estimateOf(model, shapes);
  if (!estimate || estimate.bytes <= limit) return;
  const { bytes, recomputedBytes } = estimate;
  const instead = recomputedBytes < bytes
    ? `, or the model's option gradientCheckpointing: true, with which it needs about ${recomputedBytes}`
    : "";
  console.warn(
    `train: a step of model ${model.name} needs about ${bytes} bytes, and WebAssembly has ${limit}. If they run out, use smaller batches and accumulate more of them${instead}.`,
  );
}

/**
 * The memory of a step; `undefined` if a layer does not report the shape of its
 * output.
 */
function estimateOf(
  model: LayersModel,
  shapes: number[][],
): TrainingMemory | undefined {
  try {
    return modelSummary(model, shapes).training;
  } catch {
    return undefined;
  }
}
