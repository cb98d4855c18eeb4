/** Comparing a batch with the model that it is for, before anything is computed. @module */
import { shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "@lionjs/data/batches";
import { assertInput, nameOf, shapeOf } from "../models/model_inputs.ts";
import type { Loss } from "./losses/loss.ts";

/** The largest number of labels that are looked at before a step. */
const MOST_LABELS = 2 ** 16;

/**
 * Throws unless a batch has exactly the model's inputs, and labels; reads shapes
 * and dtypes only. Disposes of the batch if it throws.
 */
export function assertBatch(model: LayersModel, batch: Batch): void {
  try {
    assertTensors(batch);
    assertNumber(model, batch.inputs);
    model.inputs.forEach((input, i) =>
      assertInput(model, input, batch.inputs[i]!)
    );
  } catch (error) {
    tf.dispose(batch as unknown as tf.TensorContainer);
    throw error;
  }
}

function assertTensors(batch: Batch): void {
  const { inputs, labels, size } = Object(batch) as Partial<Batch>;
  const has = Array.isArray(inputs) &&
    inputs.every((input) => input instanceof tf.Tensor);
  const counts = Number.isInteger(size) && size! >= 0;
  if (has && labels instanceof tf.Tensor && counts) return;
  const words = has
    ? labels instanceof tf.Tensor
      ? `size ${shown(size)}`
      : `labels ${shown(labels)}`
    : `inputs ${Array.isArray(inputs) ? "of other kinds" : shown(inputs)}`;
  throw new TypeError(
    `a batch should be { inputs: tensors in an array, labels: a tensor, size: a number of examples }, got ${words}; check what collate returns`,
  );
}

function assertNumber(
  { name, inputs }: LayersModel,
  given: readonly tf.Tensor[],
): void {
  if (given.length === inputs.length) return;
  const missing = inputs.slice(given.length).map(nameOf).join(", ");
  throw new TypeError(
    `a batch for model ${name} should have as many inputs as the model, ${inputs.length} (${
      inputs.map((input) => `${nameOf(input)} ${input.dtype} ${shapeOf(input)}`)
        .join(", ")
    }), got ${given.length} (${
      given.map(({ dtype, shape }) => `${dtype} [${shape}]`).join(", ")
    }); ${
      missing
        ? `make collate return ${missing} too, or make the model without`
        : "the model would not read the others: leave them out, or make a model with such inputs"
    }`,
  );
}

/**
 * Says what is wrong with labels that are still in this process's memory, as those
 * that collate has just made are. Others would have to be waited for, and are
 * looked at only where the loss is not finite.
 */
export async function wrongLabelsInMemory(
  { outputs }: LayersModel,
  loss: Loss,
  labels: tf.Tensor,
): Promise<string | undefined> {
  if (!loss.wrongLabels) return undefined;
  if (labels.size > MOST_LABELS || !isInMemory(labels)) return undefined;
  return await loss.wrongLabels(labels, outputs[0]!.shape);
}

/** Whether reading a tensor needs no device. */
function isInMemory({ dataId }: tf.Tensor): boolean {
  const name = tf.getBackend();
  if (name !== "webgpu") return name === "cpu" || name === "wasm";
  const { tensorMap } = tf.backend() as unknown as {
    tensorMap: {
      has(id: object): boolean;
      get(id: object): { values?: unknown };
    };
  };
  return tensorMap.has(dataId) && tensorMap.get(dataId).values != null;
}
