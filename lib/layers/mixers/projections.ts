/** Projections of mixers to heads and back. @module */
import * as tf from "@tensorflow/tfjs-core";
import { dense } from "../../operations/dense/dense.ts";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import { spread } from "../../operations/spread/spread.ts";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
  type RecurrentStepOptions,
} from "../../attention/streaming/stateful.ts";
import { applyLinear, applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters, Shape } from "../lion_layer.ts";
import type { MixerState } from "../mixer.ts";

/** Multiplications and additions of four projections: queries, keys, values and output. */
export function projectionOperations(shape: Shape): number {
  const [batch, length, dim] = shape as [number, number, number];
  return 2 * batch * length * 4 * dim * dim;
}

/**
 * Splits x W along its columns. Where W has fewer rows than x, W is split
 * instead, since that copies less, and so do the gradients.
 *
 * @param x `[batch, length, inputs]`
 * @param weight `[inputs, outputs]`
 * @param sizes Columns of each part.
 * @returns The parts, each `[batch, length, columns]`.
 */
export function denseParts(
  x: tf.Tensor3D,
  weight: tf.Tensor2D,
  sizes: number[],
): tf.Tensor3D[] {
  const [batch, length, inputs] = x.shape;
  if (batch * length < inputs) {
    return tf.split(dense(x, weight), sizes, 2) as tf.Tensor3D[];
  }
  const parts = tf.split(weight, sizes, 1) as tf.Tensor2D[];
  return parts.map((part) => dense(x, part) as tf.Tensor3D);
}

/**
 * Attention of the next tokens, q, k and v `[batch, heads, length, …]`, to
 * themselves and to earlier ones through the state `before`. Padding does not
 * decay the state.
 */
export function attendNext(
  { q, k, v, logDecay }: {
    q: tf.Tensor4D;
    k: tf.Tensor4D;
    v: tf.Tensor4D;
    logDecay?: tf.Tensor | undefined;
  },
  before: MixerState | undefined,
  mask: tf.Tensor2D | undefined,
  options: RecurrentStepOptions,
): { y: tf.Tensor4D; state: RecurrentState } {
  const [batch, heads, , headDim] = q.shape;
  const sizes = { batch, heads, headDim, valueDim: v.shape[3] };
  return recurrentStep(
    (before ?? recurrentState(sizes)) as RecurrentState,
    { q, k, v, logDecay: logDecay && withoutSteps(logDecay, mask), mask },
    options,
  );
}

/**
 * Sets log decays to 0 at padding, so that padding does not decay the state.
 *
 * @param logDecay `[heads]`, `[batch or 1, heads, length]`, or the latter with
 * an axis of channels.
 */
export function withoutSteps(
  logDecay: tf.Tensor,
  mask: tf.Tensor2D | undefined,
): tf.Tensor {
  if (!mask) return logDecay;
  const [batch, length] = mask.shape;
  if (logDecay.rank === 1) {
    const each = tf.reshape(logDecay, [1, logDecay.size, 1]);
    return tf.mul(each, tf.expandDims(mask, 1));
  }
  const columns = logDecay.rank === 4 ? [1] : [];
  return tf.mul(logDecay, tf.reshape(mask, [batch, 1, length, ...columns]));
}

/**
 * Multiplications and additions of the weight matrices among the parameters,
 * for inputs of this shape.
 */
export function matrixOperations(
  parameters: readonly Parameter[],
  shape: Shape,
): number {
  const [batch, length] = shape as [number, number, number];
  const matrices = parameters.filter(({ layout }) => layout === "linear");
  const sizes = matrices.map(({ shape }) => tf.util.sizeFromShape([...shape]));
  return 2 * batch * length * sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Maps x, `[batch, length, dim]`, to one number per token and head,
 * `[batch, heads, length]`.
 */
export function perToken(
  x: tf.Tensor3D,
  prefix: string,
  parameters: Parameters,
): tf.Tensor3D {
  return tf.transpose(applyLinear(x, prefix, parameters), [0, 2, 1]);
}

/** Vectors that all heads share, `[batch, length, columns]`, as `[batch, heads, length, columns]`. */
export function toEachHead(x: tf.Tensor3D, numHeads: number): tf.Tensor4D {
  const [batch, ...rows] = x.shape;
  return spread(tf.expandDims(x, 1), [batch, numHeads, ...rows]) as tf.Tensor4D;
}

/** The largest rank of low-rank maps. */
const RANK = 16;

/**
 * The parameters of a low-rank map to `outputs` columns: `down.` and `up.`
 * after the prefix.
 */
export function lowRank(
  prefix: string,
  dim: number,
  outputs: number,
  bias?: Parameter["initial"],
): Parameter[] {
  const rank = Math.min(RANK, dim);
  return [
    ...matrix(`${prefix}down.`, dim, rank),
    ...withBias(linear(`${prefix}up.`, rank, outputs), bias),
  ];
}

/**
 * Applies a low-rank map to x, `[batch, length, dim]`, with a function between
 * its factors.
 */
export function applyLowRank(
  x: tf.Tensor3D,
  prefix: string,
  parameters: Parameters,
  between: (x: tf.Tensor3D) => tf.Tensor3D = (x) => x,
): tf.Tensor3D {
  const few = applyMatrix(x, `${prefix}down.`, parameters);
  return applyLinear(between(few), `${prefix}up.`, parameters);
}

/** Replaces the initial values of the bias of a linear map. */
export function withBias(
  parameters: readonly Parameter[],
  initial: Parameter["initial"] = "zeros",
): Parameter[] {
  return parameters.map((parameter) =>
    parameter.name.endsWith("bias") ? { ...parameter, initial } : parameter
  );
}

export function silu<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(x));
}

/**
 * Scales the vectors along the last axis to unit length, with epsilon added to their
 * squares.
 */
export function ofLengthOne<T extends tf.Tensor>(x: T, epsilon = 1e-6): T {
  const squares = tf.sum(tf.square(x), -1, true);
  return tf.mul(x, tf.rsqrt(tf.add(squares, epsilon)));
}

/**
 * Softplus, log(1 + e^x), with a gradient that also works inside `tf.tidy`,
 * unlike that of tfjs.
 */
export function softplus<T extends tf.Tensor>(x: T): T {
  return tf.neg(logSigmoid(tf.neg(x)));
}
