/** Comparing tensors with the inputs of the model that they are for. @module */
import { shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";

/**
 * The tensors that a caller gives a model, as many as it has inputs, of their shapes.
 *
 * @param what Whose inputs they are, for messages.
 */
export function givenInputs(
  what: string,
  model: LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
): tf.Tensor[] {
  const given = [inputs].flat() as tf.Tensor[];
  const wrong = given.filter((input) => !(input instanceof tf.Tensor));
  const count = model.inputs.length;
  if (wrong.length > 0 || given.length !== count) {
    throw new TypeError(
      `${what}'s inputs should be the model's, ${
        model.inputs.map((input) =>
          `${nameOf(input)} ${input.dtype} ${shapeOf(input)}`
        ).join(", ")
      }, as tensors, got ${
        wrong.length > 0 ? shown(wrong[0]) : `${given.length}`
      }`,
    );
  }
  model.inputs.forEach((input, i) => assertInput(model, input, given[i]!));
  return given;
}

/** Throws unless a tensor has the shape and the dtype of an input of a model. */
export function assertInput(
  { name, inputs }: LayersModel,
  input: SymbolicTensor,
  { shape, dtype }: tf.Tensor,
): void {
  const place = inputs.length > 1
    ? `, ${inputs.indexOf(input) + 1} of ${inputs.length},`
    : "";
  const owner = `input ${nameOf(input)}${place} of model ${name}`;
  const fits = shape.length === input.shape.length &&
    input.shape.every((size, i) => size == null || size === shape[i]);
  if (!fits) {
    throw new TypeError(
      `${owner} should have shape ${
        shapeOf(input)
      }, got [${shape}]; make batches of this shape, or a model for theirs`,
    );
  }
  if (dtype === input.dtype || isCast(input)) return;
  throw new TypeError(
    `${owner} should be ${input.dtype}, got ${dtype}; convert it with tf.cast(x, "${input.dtype}")`,
  );
}

/** An input's name as its model was made with it, without the number that tfjs adds. */
export function nameOf({ originalName, name }: SymbolicTensor): string {
  return originalName ?? name;
}

/** The shape of an input as messages have it. */
export function shapeOf({ shape }: SymbolicTensor): string {
  return `[${shape.map((size) => size ?? "any")}]`;
}

/** Whether only tfjs's embeddings read an input: they declare float32, and take any ids. */
function isCast({ sourceLayer }: SymbolicTensor): boolean {
  const { outboundNodes } = sourceLayer;
  return outboundNodes.length > 0 &&
    outboundNodes.every(({ outboundLayer }) =>
      outboundLayer.getClassName() === "Embedding"
    );
}
