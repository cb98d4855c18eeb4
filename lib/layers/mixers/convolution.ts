/** Short convolutions in mixers, with PyTorch's parameters. @module */
import * as tf from "@tensorflow/tfjs-core";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { shortConvolution } from "../../operations/short_convolution/short_convolution.ts";
import type { Parameter } from "../lion_layer.ts";
import type { MixerCall, MixerState } from "../mixer.ts";

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

/** A causal convolution of a mixer. */
export interface NearbyTokens {
  /** The convolution's name among those of the mixer. */
  readonly name: string;
  /** `[channels, taps]`, the last of which is for the token itself. */
  readonly taps: tf.Tensor2D;
  /** `[channels]` */
  readonly bias?: tf.Tensor1D;
  /** @default "none" */
  readonly activation?: "none" | "silu";
}

/**
 * Convolves tokens, `[batch, length, channels]`: those of a whole sequence, or the next
 * ones of a text.
 */
export type Convolve = (x: tf.Tensor3D, nearby: NearbyTokens) => tf.Tensor3D;

/**
 * Convolutions of a whole sequence. A token that attends to both sides gets the mean of
 * the causal convolutions from both ends, in which the token's own tap counts once.
 */
export function convolveWhole(
  { causal, mask, segments }: Pick<MixerCall, "causal" | "mask" | "segments">,
): Convolve {
  return (x, { taps, bias, activation }) =>
    shortConvolution(x, causal ? taps : fromBothEnds(taps), bias, {
      place: causal ? "causal" : "centred",
      activation,
      mask,
      segments,
    });
}

/** The taps `[channels, 2 taps - 1]` of the mean of a causal convolution and its reverse. */
function fromBothEnds(taps: tf.Tensor2D): tf.Tensor2D {
  const [channels, count] = taps.shape;
  const before = tf.mul(tf.slice(taps, [0, 0], [channels, count - 1]), 0.5);
  const own = tf.slice(taps, [0, count - 1], [channels, 1]);
  return count === 1
    ? taps
    : tf.concat([before, own, tf.reverse(before, 1)], 1) as tf.Tensor2D;
}

/**
 * Convolutions of the next tokens of texts, of which some may be padding on the left.
 *
 * @param before The mixer's state, in which the last rows have the convolution's name.
 * @param mask `[batch, length]`
 * @returns The convolutions, and the state after those that have run.
 */
export function convolveNext(
  before: MixerState | undefined,
  mask: tf.Tensor2D | undefined,
): { convolve: Convolve; state: MixerState } {
  const state: Record<string, tf.Tensor> = {};
  const convolve: Convolve = (x, { name, taps, bias, activation }) => {
    const [batch, length, channels] = x.shape;
    const reach = taps.shape[1] - 1;
    if (reach === 0) return shortConvolution(x, taps, bias, { activation });
    const earlier = (before?.[name] ??
      tf.zeros([batch, reach, channels])) as tf.Tensor3D;
    const next = mask ? withoutPadding(x, mask) : x;
    const rows: tf.Tensor3D = tf.concat([earlier, next], 1);
    const line = mask ? closedUp(rows, mask, reach) : rows;
    const last = (x: tf.Tensor3D, count: number): tf.Tensor3D =>
      tf.slice(x, [0, reach + length - count, 0], [batch, count, channels]);
    state[name] = last(line, reach);
    return last(shortConvolution(line, taps, bias, { activation }), length);
  };
  return { convolve, state };
}

/**
 * Moves the rows of earlier tokens next to the first new one, across the
 * padding between them. Rows before them are not read.
 *
 * @param rows `[batch, length, columns]`: rows of `reach` earlier tokens, then
 * of padding and new tokens.
 * @param mask The mask of padding and new tokens, `[batch, length - reach]`.
 */
function closedUp(
  rows: tf.Tensor3D,
  mask: tf.Tensor2D,
  reach: number,
): tf.Tensor3D {
  const [batch, length, columns] = rows.shape;
  const isPadding = tf.cast(tf.equal(mask, 0), "int32");
  const padding = tf.sum(isPadding, 1, true);
  const places = tf.range(0, length, 1, "int32");
  const isEarlier = tf.less(places, tf.add(padding, reach));
  const moved = tf.mul(tf.cast(isEarlier, "int32"), padding);
  const from = tf.maximum(tf.sub(places, moved), 0);
  // One gather serves all texts: the gradient of tfjs's batched gather requires
  // chained operations.
  const texts = tf.expandDims(tf.range(0, batch), 1);
  const ofAll = tf.cast(tf.add(from, tf.mul(texts, length)), "int32");
  const flat = tf.reshape(rows, [batch * length, columns]);
  return tf.reshape(
    tf.gather(flat, tf.reshape(ofAll, [-1])),
    rows.shape,
  );
}
