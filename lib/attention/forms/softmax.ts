/** Softmax attention in tfjs operations, which hold all scores at once. @module */
import * as tf from "@tensorflow/tfjs-core";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { penalties } from "../decays/alibi.ts";
import type { LogDecayPair } from "../decays/decay_pair.ts";
import { logMask } from "../decays/mask.ts";

/** The tensors of softmax attention, in float32. */
export interface SoftmaxInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  readonly q: tf.Tensor4D;
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** The mask of tokens, `[batch, length]`, 0 at padding; `undefined` without padding. */
  readonly mask: tf.Tensor2D | undefined;
  /** The segments of tokens, `[batch, length]`, numbered in order; `undefined` where all is one segment. */
  readonly segments: tf.Tensor2D | undefined;
  /** The log decays, without borders of segments; `null` where nothing decays. */
  readonly decays: LogDecayPair | null;
}

/** The attributes of softmax attention, in tfjs operations and in kernels. */
export interface SoftmaxAttributes {
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** The factor of the scores q · k. */
  readonly scale: number;
}

/**
 * Softmax attention in tfjs operations, the reference for the kernel. Call it
 * inside `tf.tidy`.
 *
 * @param slopes ALiBi's slopes, one per head.
 * @returns `[batch, heads, length, valueDim]`
 */
export function runSoftmaxPlain(
  { q, k, v, mask, segments, decays }: SoftmaxInputs,
  { causal, scale }: SoftmaxAttributes,
  slopes: readonly number[] | undefined,
): tf.Tensor4D {
  const length = q.shape[2];
  const read = (x: tf.Tensor4D) => withoutPadding(x, mask);
  let scores: tf.Tensor4D = tf.matMul(
    tf.mul(read(q), scale),
    read(k),
    false,
    true,
  );
  if (slopes) {
    const places = tf.range(0, length);
    const readers = tf.reshape(places, [1, 1, length, 1]);
    const sources = tf.reshape(places, [1, 1, 1, length]);
    scores = tf.sub(scores, penalties(slopes, readers, sources));
  }
  return readByScores(scores, { v, mask, segments, decays }, causal);
}

/**
 * What tokens read whose scores are known, before what hides tokens from each other and
 * what decays. Call it inside `tf.tidy`.
 *
 * @param scores `[batch, heads, readers, sources]`, times the scale.
 * @returns `[batch, heads, length, valueDim]`
 */
export function readByScores(
  scores: tf.Tensor4D,
  { v, ...inputs }: Omit<SoftmaxInputs, "q" | "k">,
  causal: boolean,
): tf.Tensor4D {
  const read = (x: tf.Tensor4D) => withoutPadding(x, inputs.mask);
  return read(tf.matMul(weightsOf(scores, inputs, causal), read(v)));
}

/** How {@linkcode runSoftmaxPlain} changes along directions of some of its tensors. */
export function softmaxAlong(
  { q, k, v, ...inputs }: SoftmaxInputs,
  directions: Partial<SoftmaxInputs>,
  { causal, scale }: SoftmaxAttributes,
): tf.Tensor4D {
  const read = (x: tf.Tensor4D) => withoutPadding(x, inputs.mask);
  const scoresOf = (q: tf.Tensor4D, k: tf.Tensor4D) =>
    tf.matMul(tf.mul(read(q), scale), read(k), false, true) as tf.Tensor4D;
  const { decays } = directions;
  const changes = [
    directions.q && scoresOf(directions.q, k),
    directions.k && scoresOf(q, directions.k),
    decays && logMask(decays, q.shape[2]),
  ].filter((change) => change !== undefined && change !== null);
  const weights = weightsOf(scoresOf(q, k), inputs, causal);
  const terms: tf.Tensor[] = [];
  if (changes.length > 0) {
    const change = changes.reduce((sum, next) => tf.add(sum, next));
    const weighted = tf.mul(weights, change);
    const mean = tf.sum(weighted, -1, true);
    const moved = tf.sub(weighted, tf.mul(weights, mean));
    terms.push(tf.matMul(moved, read(v)));
  }
  if (directions.v) terms.push(tf.matMul(weights, read(directions.v)));
  return read(tf.addN(terms) as tf.Tensor4D);
}

/** The weights of scores: each row sums to 1. */
function weightsOf(
  scores: tf.Tensor4D,
  { mask, segments, decays }: Omit<SoftmaxInputs, "q" | "k" | "v">,
  causal: boolean,
): tf.Tensor4D {
  const [batch, , length] = scores.shape;
  if (decays) scores = tf.add(scores, logMask(decays, length));
  const isToken = mask && tf.notEqual(mask, 0);
  if (isToken) {
    scores = hideScores(scores, tf.reshape(isToken, [batch, 1, 1, length]));
  }
  if (causal) {
    const reader = tf.reshape(tf.range(0, length), [length, 1]);
    const source = tf.reshape(tf.range(0, length), [1, length]);
    scores = hideScores(scores, tf.greaterEqual(reader, source));
  }
  if (segments) {
    const reader = tf.reshape(segments, [batch, 1, length, 1]);
    const source = tf.reshape(segments, [batch, 1, 1, length]);
    scores = hideScores(scores, tf.equal(reader, source));
  }
  if (isToken) scores = resetPadding(scores, isToken);
  return tf.softmax(scores);
}

/**
 * Hides scores from the softmax, by -Infinity. No finite number would do: other scores
 * may lie below it, and hidden ones would be read.
 *
 * @param scores `[batch, heads, readers, sources]`
 * @param isRead Bool, of a shape that broadcasts to that of the scores.
 */
export function hideScores(
  scores: tf.Tensor4D,
  isRead: tf.Tensor,
): tf.Tensor4D {
  return replaceScores(scores, isRead, -Infinity);
}

/**
 * Sets the scores of readers that are padding to 0: they may have nothing to read, and
 * the softmax of -Infinity alone is NaN.
 *
 * @param scores `[batch, heads, readers, sources]`
 * @param isToken `[batch, readers]`, bool.
 */
export function resetPadding(
  scores: tf.Tensor4D,
  isToken: tf.Tensor,
): tf.Tensor4D {
  const [batch, , readers] = scores.shape;
  return replaceScores(scores, tf.reshape(isToken, [batch, 1, readers, 1]), 0);
}

/** Keeps the scores where `kept` is true, and sets another number elsewhere. */
function replaceScores(
  scores: tf.Tensor4D,
  kept: tf.Tensor,
  other: number,
): tf.Tensor4D {
  const each = tf.broadcastTo(kept, scores.shape);
  return tf.where(each, scores, tf.fill(scores.shape, other));
}
