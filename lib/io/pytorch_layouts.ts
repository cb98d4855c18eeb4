/** Conversion of parameters between PyTorch's layouts and those of this library. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LionLayer, TorchLayout } from "../layers/lion_layer.ts";
import type { Source } from "./pytorch_names.ts";

/** PyTorch's layout of a parameter; GPT-2 stores linear maps as this library does. */
export function layoutOf(
  layer: string,
  layout: TorchLayout,
  whose: Source,
): TorchLayout {
  const isGpt2 = layer.startsWith("transformer.") &&
    whose !== "flash-linear-attention";
  return isGpt2 ? "same" : layout;
}

/** PyTorch's shape of a convolution over patches, `[outputs, channels, rows, columns]`. */
export function patchShape(
  layer: LionLayer,
  [inputs, outputs]: number[],
): number[] {
  const { patchSize } = layer.getConfig() as { patchSize: number };
  return [outputs!, inputs! / patchSize ** 2, patchSize, patchSize];
}

/** Converts a parameter from PyTorch's layout to that of this library. */
export function fromTorch(
  x: tf.Tensor,
  layout: TorchLayout,
  shape: number[],
): tf.Tensor {
  if (layout === "linear") return tf.transpose(x);
  if (layout === "same") return x;
  return tf.reshape(tf.transpose(x, [2, 3, 1, 0]), [-1, shape[0]!]);
}

/** Converts a parameter to PyTorch's layout, with the given shape. */
export function toTorch(
  x: tf.Tensor,
  layout: TorchLayout,
  shape: number[],
): tf.Tensor {
  if (layout === "linear") return tf.transpose(x);
  if (layout === "same") return x;
  const [outputs, channels, rows, columns] = shape as [
    number,
    number,
    number,
    number,
  ];
  return tf.transpose(tf.reshape(x, [rows, columns, channels, outputs]), [
    3,
    2,
    0,
    1,
  ]);
}
