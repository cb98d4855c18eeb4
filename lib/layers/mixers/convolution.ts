/** Short convolutions in mixers, with PyTorch's parameters. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameter } from "../lion_layer.ts";

/** The parameters of a depthwise `Conv1d`, named `weight` and `bias` after `prefix`. */
export function convolution(
  prefix: string,
  channels: number,
  taps: number,
): Parameter[] {
  // PyTorch's default: uniform, independent of the number of channels.
  const bound = taps ** -0.5;
  const uniform = (shape: number[]): Parameter["initial"] => ({
    values: (seed) => tf.randomUniform(shape, -bound, bound, "float32", seed),
  });
  const shape = [channels, 1, taps];
  return [
    { name: `${prefix}weight`, shape, initial: uniform(shape) },
    { name: `${prefix}bias`, shape: [channels], initial: uniform([channels]) },
  ];
}

/**
 * Reshapes the weight of a `Conv1d`, `[channels, 1, taps]`, to that of
 * `shortConvolution`, `[channels, taps]`.
 */
export function tapsOf(weight: tf.Tensor): tf.Tensor2D {
  const [channels, , taps] = weight.shape as [number, number, number];
  return tf.reshape(weight, [channels, taps]);
}
