/** Applying a model to a batch, and counting its labels. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "../data/stream.ts";
import type { Loss } from "./loss.ts";

/** Throws unless a model has one output. */
export function assertOneOutput({ name, outputs }: LayersModel): void {
  if (outputs.length === 1) return;
  throw new TypeError(
    `model ${name} should have one output, got ${outputs.length}`,
  );
}

/** Applies a model with one output. */
export function predict(
  model: LayersModel,
  inputs: readonly tf.Tensor[],
  options: { training: boolean },
): tf.Tensor {
  return model.apply([...inputs], options) as tf.Tensor;
}

/** The number of labels that a batch's mean loss is over. */
export function countOf(loss: Loss, { labels, size }: Batch): tf.Scalar {
  return loss.count?.(labels) ?? tf.scalar(size);
}

/** What is wrong with some of these labels, as far as the loss knows. */
export async function wrongLabels(
  { outputs }: LayersModel,
  loss: Loss,
  labels: readonly tf.Tensor[],
): Promise<string | undefined> {
  for (const some of labels) {
    const wrong = await loss.wrongLabels?.(some, outputs[0]!.shape);
    if (wrong) return wrong;
  }
  return undefined;
}

/** Throws unless all of these are functions. */
export function assertFunctions(owner: string, functions: object): void {
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value === "function") continue;
    throw new TypeError(
      `${owner} ${name} should be a function, got ${typeof value}`,
    );
  }
}
