/** The inputs of transitions of rank one, as their forms and kernels take them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../../operations/padding/padding.ts";
import type { SegmentEnds } from "../../operations/segments.ts";
import {
  type DecayPair,
  type DiagonalDecayPair,
  isDiagonal,
} from "../decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { withBorders } from "../decays/segment_borders.ts";

/**
 * The vectors of transitions, 0 at padding. A token has one or more steps, each with a
 * row of its own in all tensors but q; see `planning/transition_kernel.ts`.
 */
export interface TransitionVectors {
  /** Queries, `[batch, heads, length, headDim]`. */
  readonly q: tf.Tensor4D;
  /** Keys, `[batch, heads, length · steps, headDim]`. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length · steps, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** The vectors that read the state before its decay, in the shape of k. */
  readonly a?: tf.Tensor4D | undefined;
  /** The places at which that is added, in the shape of k; k itself if `undefined`. */
  readonly b?: tf.Tensor4D | undefined;
  /** β of the delta rule, `[batch, heads, length · steps, 1]`. */
  readonly beta?: tf.Tensor4D | undefined;
}

/**
 * The kinds of reading from the state: none; by the key, which is the delta rule; by a,
 * added where the step writes; or by a, added at b.
 */
export type Reads = "none" | "delta" | "tied" | "untied";

/** The kind of reading that these vectors do. */
export function readsOf({ a, b, beta }: TransitionVectors): Reads {
  if (beta) return "delta";
  return a ? b ? "untied" : "tied" : "none";
}

/** Turns each of the vectors that there are into another one. */
export function mapVectors<Vectors extends Partial<TransitionVectors>>(
  vectors: Vectors,
  map: (x: tf.Tensor4D, name: keyof Vectors) => tf.Tensor4D,
): Vectors & Record<string, tf.Tensor4D> {
  const mapped: Record<string, tf.Tensor4D> = {};
  for (const name in vectors) {
    const x = vectors[name] as tf.Tensor4D | undefined;
    if (x) mapped[name] = map(x, name);
  }
  return mapped as Vectors & Record<string, tf.Tensor4D>;
}

/** The number of steps of a token. */
export function stepsOf({ q, k }: Pick<TransitionVectors, "q" | "k">): number {
  return k.shape[2] / q.shape[2];
}

/** The tokens of a chunk, of so many steps each, that has at most `size` steps unless it is one token. */
export function tokensPerChunk(size: number, steps: number): number {
  return Math.max(1, Math.floor(size / steps));
}

/**
 * The vectors that a caller gave, as float32 and without padding. Call it inside
 * `tf.tidy`.
 *
 * @param given The vectors, beta `[batch, heads, length · steps]`.
 * @param tokens `[batch, length]`, 0 at padding; `undefined` without padding.
 */
export function readTransitionVectors<
  T extends Readonly<
    Record<"q" | "k" | "v", tf.Tensor4D> & { beta?: tf.Tensor3D | undefined }
  >,
>(given: T, tokens: tf.Tensor2D | undefined): TransitionVectors {
  const ofSteps = tokens && eachStep(tokens, stepsOf(given));
  const read = ([name, x]: [string, tf.Tensor | undefined]) => {
    if (!x) return [];
    const rows = floats(name, x);
    const columns = x.rank === 3 ? tf.expandDims(rows, 3) : rows;
    return [[name, withoutPadding(columns, name === "q" ? tokens : ofSteps)]];
  };
  return Object.fromEntries(Object.entries(given).flatMap(read));
}

/** The number of each token, `[batch, length]`, at each of its steps, `[batch, length · steps]`. */
function eachStep(x: tf.Tensor2D, steps: number): tf.Tensor2D {
  if (steps === 1) return x;
  const [batch, length] = x.shape;
  const all = tf.tile(tf.expandDims(x, 2), [1, 1, steps]);
  return tf.reshape(all, [batch, length * steps]);
}

/**
 * The log decays of both directions as transitions take them, each
 * `[batch, heads, length, 1 or headDim]`: 0 at padding, which is skipped, and
 * the lowest number on arriving at a segment. Call it inside `tf.tidy`.
 *
 * @param pair Log decays applied on arrival, or `null` where nothing decays.
 */
export function transitionGates(
  pair: DecayPair | null,
  { q: { shape: [batch, heads, length, headDim] } }: TransitionVectors,
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

/**
 * The vectors of a sweep that reads nothing across the borders of segments: a reads
 * before the decay, which is 0 on arriving at a segment, so its first row there is 0.
 * Call it inside `tf.tidy`.
 *
 * @param ends The tokens at which the sweep arrives at a segment, `[batch, length]`, bool.
 */
export function withinSegments(
  vectors: TransitionVectors,
  ends: tf.Tensor2D | undefined,
): TransitionVectors {
  const { a } = vectors;
  if (!ends || !a) return vectors;
  const [batch, length] = ends.shape, steps = stepsOf(vectors);
  const isFirst = tf.pad(tf.cast(tf.expandDims(ends, 2), "float32"), [
    [0, 0],
    [0, 0],
    [0, steps - 1],
  ]);
  const others = tf.reshape(tf.sub(1, isFirst), [batch, length * steps]);
  return { ...vectors, a: withoutPadding(a, others) };
}
