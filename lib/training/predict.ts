/** Applying a model to a batch, and counting its labels. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Communicator } from "../contract/communicator.ts";
import type { Batch } from "../data/stream.ts";
import type { Rows } from "../layers/randomness.ts";
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

/**
 * Takes rows of a batch as a batch. Call it inside `tf.tidy`, or dispose of it.
 *
 * @throws {RangeError} If its tensors have different numbers of rows.
 */
export function rowsIn(batch: Batch, { first, count, total }: Rows): Batch {
  const take = (tensor: tf.Tensor) => {
    if (tensor.shape[0] === total) return tf.slice(tensor, first, count);
    throw new RangeError(
      `inputs of a batch that ranks share should have as many rows as its labels, ${total}, got [${tensor.shape}]`,
    );
  };
  return {
    inputs: batch.inputs.map(take),
    labels: take(batch.labels),
    // If examples are packed, this is only the weight of the rows.
    size: batch.size * count / total,
  };
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

/** Throws unless it is a communicator, or absent. */
export function assertCommunicator(
  owner: string,
  communicator: Communicator | undefined,
): void {
  if (communicator === undefined) return;
  const { allreduce, broadcast } = Object(communicator) as Communicator;
  assertFunctions(`${owner} communicator's`, { allreduce, broadcast });
}
