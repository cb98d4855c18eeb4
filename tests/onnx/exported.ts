/** Models beside their ONNX files, which the interpreter runs. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type ExportOnnxOptions, onnxBytes } from "../../lib/onnx/export.ts";
import { filled, type NdArray, TYPE } from "./arrays.ts";
import { Interpreter } from "./interpreter.ts";

/** The sizes of a run. */
export type Sizes = readonly [batch: number, length: number];

/** Sizes at the ends of chunks of four, of a token alone, and of more than two chunks. */
export const SIZES: readonly Sizes[] = [[1, 1], [2, 4], [1, 5], [3, 11]];

/** The model as a file, in chunks of four tokens. */
export async function interpreted(
  model: LayersModel,
  options: ExportOnnxOptions = {},
): Promise<Interpreter> {
  const bytes = await onnxBytes(model, { chunkSize: 4, ...options });
  return new Interpreter(bytes.model, bytes.data);
}

/** An input of a model's: its values, as the model and as the file has them. */
function inputOf(
  { originalName: name, shape, dtype }: LayersModel["inputs"][number],
  [batch, length]: Sizes,
): { readonly tensor: tf.Tensor; readonly fed: NdArray } {
  const sizes = shape.map((size, axis) => size ?? (axis ? length : batch));
  const size = tf.util.sizeFromShape(sizes);
  const element = (i: number): number => {
    const [row, token] = [Math.floor(i / length), i % length];
    switch (name) {
      case "mask":
        return Number(token === 0 || token < length - 2 * row);
      case "segments":
        return 1 + Math.floor(3 * token / length);
      case "types":
        return token % 2;
    }
    return dtype === "int32" ? (7 * i + 1) % 20 : Math.sin(i + 1);
  };
  const values = Array.from({ length: size }, (_, i) => element(i));
  const tensor = tf.tensor(values, sizes, dtype);
  const isInteger = dtype === "int32" || name === "mask";
  if (name !== "images") {
    const type = isInteger ? TYPE.int64 : TYPE.float;
    return { tensor, fed: filled(type, sizes, (i) => values[i]!) };
  }
  const [, rows, columns, channels] = sizes as [number, number, number, number];
  const fed = filled(TYPE.float, [batch, channels, rows, columns], (i) => {
    const [b, c, at] = [
      Math.floor(i / (channels * rows * columns)),
      Math.floor(i / (rows * columns)) % channels,
      i % (rows * columns),
    ];
    return values[(b * rows * columns + at) * channels + c]!;
  });
  return { tensor, fed };
}

/** The inputs of a file, by its names for them, and the output that a model has for them. */
export async function callsOf(
  model: LayersModel,
  names: readonly string[],
  sizes: Sizes,
): Promise<{
  readonly feeds: Readonly<Record<string, NdArray>>;
  readonly wanted: { readonly dims: number[]; readonly values: number[] };
}> {
  const inputs = model.inputs.map((input) => inputOf(input, sizes));
  const feeds = Object.fromEntries(
    inputs.map(({ fed }, i) => [names[i]!, fed] as const),
  );
  const given = inputs.map(({ tensor }) => tensor);
  const y = tf.tidy(() =>
    model.predict(given.length > 1 ? given : given[0]!)
  ) as tf.Tensor;
  const values = [...await y.data()];
  const wanted = { dims: [...y.shape], values };
  tf.dispose([...given, y]);
  return { feeds, wanted };
}

/** The largest error of a file's output, relative to the model's largest. */
export async function errorOf(
  model: LayersModel,
  file: Interpreter,
  sizes: readonly Sizes[] = SIZES,
): Promise<number> {
  const names = file.model.graph!.input.map(({ name }) => name);
  const errors: number[] = [];
  for (const each of sizes) {
    const { feeds, wanted: { values } } = await callsOf(model, names, each);
    const [output] = Object.values(file.run(feeds));
    const largest = Math.max(...values.map(Math.abs));
    const apart = values.map((value, i) =>
      Math.abs(value - output!.data[i]!) / largest
    );
    errors.push(
      values.length === output!.data.length ? Math.max(...apart) : NaN,
    );
  }
  return Math.max(...errors);
}

/** Changes all weights, so that none stays as simple as it began. */
export function stir(model: LayersModel, by = 0.2): void {
  for (const [seed, weight] of model.trainableWeights.entries()) {
    const variable = weight.read();
    const stirred = tf.tidy(() =>
      tf.add(
        variable,
        tf.randomNormal(variable.shape, 0, by, "float32", seed + 1),
      )
    );
    weight.write(stirred);
    stirred.dispose();
  }
}
