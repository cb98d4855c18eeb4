/** The inputs of the delta rule, as its forms and kernels take them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../../operations/padding.ts";
import type { SegmentEnds } from "../../operations/segments.ts";
import {
  type DecayPair,
  type DiagonalDecayPair,
  isDiagonal,
  spread,
} from "../decays/decay_pair.ts";
import { withBorders } from "../decays/segment_borders.ts";

/**
 * The vectors of the delta rule, each `[batch, heads, length, columns]` and 0 at
 * padding; beta has one column.
 */
export type DeltaVectors = Readonly<
  Record<"q" | "k" | "v" | "beta", tf.Tensor4D>
>;

/**
 * The vectors that a caller gave, as float32 and without padding. Call it inside
 * `tf.tidy`.
 *
 * @param beta `[batch, heads, length]`
 * @param tokens `[batch, length]`, 0 at padding; `undefined` without padding.
 */
export function readDeltaVectors(
  { q, k, v, beta }: {
    readonly q: tf.Tensor4D;
    readonly k: tf.Tensor4D;
    readonly v: tf.Tensor4D;
    readonly beta: tf.Tensor3D;
  },
  tokens: tf.Tensor2D | undefined,
): DeltaVectors {
  const read = (name: string, x: tf.Tensor4D) =>
    withoutPadding(floats(name, x), tokens);
  return {
    q: read("q", q),
    k: read("k", k),
    v: read("v", v),
    beta: read("beta", tf.expandDims(floats("beta", beta), 3)),
  };
}

/**
 * The log decays of both directions as the delta rule takes them, each
 * `[batch, heads, length, 1 or headDim]`: 0 at padding, which is skipped, and
 * the lowest number on arriving at a segment. Call it inside `tf.tidy`.
 *
 * @param pair Log decays applied on arrival, or `null` where nothing decays.
 */
export function deltaGates(
  pair: DecayPair | null,
  { q: { shape: [batch, heads, length, headDim] } }: DeltaVectors,
  { causal, tokens, ends }: {
    readonly causal: boolean;
    readonly tokens: tf.Tensor2D | undefined;
    readonly ends: SegmentEnds | undefined;
  },
): DiagonalDecayPair {
  const columns = pair && isDiagonal(pair) ? headDim : 1;
  const shape: [number, number, number, number] = [
    ...[batch, heads, length] as const,
    columns,
  ];
  const gateOf = (logDecay: tf.Tensor | null | undefined): tf.Tensor4D => {
    if (!logDecay) return tf.zeros(shape);
    const perColumn = logDecay.rank === 3
      ? tf.expandDims(logDecay, 3)
      : logDecay;
    return withoutPadding(spread(perColumn, shape) as tf.Tensor4D, tokens);
  };
  const gates = {
    forward: gateOf(pair?.forward),
    backward: causal ? null : gateOf(pair?.backward),
  };
  return ends ? withBorders(gates, ends, { heads, causal }) : gates;
}
