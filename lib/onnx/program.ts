/** Programs, which are exported: functions of tensors, with the names that files have. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";
import { LionLayer } from "../layers/lion_layer.ts";
import { layersIn } from "../models/layer_runs.ts";

/** The names of the axes that each run chooses, as Hugging Face has them. */
export const BATCH = "batch_size";
export const LENGTH = "sequence_length";

/**
 * What an input holds: ids and a mask are int64 in a file, images have their channels
 * before their rows there.
 */
export type InputKind = "ids" | "mask" | "images" | "numbers";

/** An input of a program. */
export interface ProgramInput {
  readonly name: string;
  readonly kind: InputKind;
  /** The shape here, whose free axes are {@linkcode BATCH} and {@linkcode LENGTH}. */
  readonly shape: readonly (number | typeof BATCH | typeof LENGTH)[];
}

/** A function of tensors that is exported. */
export interface Program {
  readonly name: string;
  readonly inputs: readonly ProgramInput[];
  /** The names of the outputs. */
  readonly outputs: readonly string[];
  /** The names of the variables that it reads. */
  readonly weights: ReadonlyMap<tf.Tensor, string>;
  run(inputs: tf.Tensor[]): tf.Tensor[];
}

/** The names and kinds of inputs of the library's models. */
const INPUTS: Readonly<Record<string, readonly [string, InputKind]>> = {
  ids: ["input_ids", "ids"],
  mask: ["attention_mask", "mask"],
  types: ["token_type_ids", "ids"],
  segments: ["segments", "ids"],
  images: ["pixel_values", "images"],
};

/** The name of the parameter of a layer whose own name is the full one. */
const WHOLE = "value";

/** The variables of a model with the library's names, such as `blocks.0.attn.qkv.weight`. */
export function namesOfVariables(model: LayersModel): Map<tf.Tensor, string> {
  const names = new Map<tf.Tensor, string>();
  for (const layer of layersIn(model)) {
    if (!(layer instanceof LionLayer)) continue;
    for (const { name } of layer.parameters) {
      const full = name === WHOLE ? layer.name : `${layer.name}.${name}`;
      names.set(layer.parameter(name), full);
    }
  }
  for (const weight of model.weights) {
    const variable = weight.read();
    if (!names.has(variable)) names.set(variable, weight.originalName);
  }
  return names;
}

function inputOf(
  { originalName, name: unique, shape, dtype }: SymbolicTensor,
): ProgramInput {
  const given = originalName ?? unique;
  const free = shape.flatMap((size, axis) =>
    size === null && axis > 0 ? [axis] : []
  );
  if (free.length > 1) {
    throw new TypeError(
      `exportOnnx's model should have inputs with at most one free axis beside the ` +
        `batch, got [${
          shape.map((size) => size ?? "free").join(", ")
        }] of ${given}`,
    );
  }
  const axes = shape.map((size, axis) => size ?? (axis === 0 ? BATCH : LENGTH));
  if (Object.hasOwn(INPUTS, given)) {
    const [name, kind] = INPUTS[given]!;
    return { name, kind, shape: axes };
  }
  const kind = dtype === "int32" ? "ids" : "numbers";
  return { name: given, kind, shape: axes };
}

/** A model with one output, or a program of one of its layers. */
export function programOf(model: LayersModel, output: string): Program {
  return {
    name: model.name,
    inputs: model.inputs.map(inputOf),
    outputs: [output],
    weights: namesOfVariables(model),
    run: (inputs) =>
      [model.apply(inputs.length > 1 ? inputs : inputs[0]!) as tf.Tensor]
        .flat(),
  };
}
