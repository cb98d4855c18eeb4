/** Softmax attention on a sequence that arrives in steps, with a KV cache. @module */
import * as tf from "@tensorflow/tfjs-core";
import { tokensIn, withoutPadding } from "../../operations/padding/padding.ts";
import { floats } from "@lionjs/tfjs/kernel";
import { penalties } from "../decays/alibi.ts";
import { selectiveDecay } from "../decays/decay.ts";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { logMask } from "../decays/mask.ts";
import { hideScores, resetPadding } from "../forms/softmax.ts";
import { softmaxAttention } from "../softmax_attention.ts";

/** What the cache holds of the tokens so far besides their keys. */
export type ValueCache = {
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** The mask of tokens, `[batch, length]`, 0 at padding. */
  readonly tokens: tf.Tensor2D;
  /**
   * With a decay, the sum of the log decays since each token, `[batch, heads, length]`.
   */
  readonly decayed?: tf.Tensor3D;
};

/** The KV cache: keys and values of the tokens so far. */
export type SoftmaxState = ValueCache & {
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: tf.Tensor4D;
};

/** The vectors of the next tokens. */
export interface SoftmaxInput {
  /** Queries, `[batch, heads, length, headDim]`. */
  readonly q: tf.Tensor4D;
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** The mask of tokens, `[batch, length]`, 1 for a token, 0 for padding, which is never read. */
  readonly mask?: tf.Tensor2D | undefined;
  /** ALiBi's slopes, one per head, as for softmaxAttention. */
  readonly slopes?: readonly number[] | undefined;
  /**
   * Log decays on arriving at each token, `[batch, heads, length]`, as of a selective
   * decay; in all steps or in none. At padding they apply, too.
   */
  readonly logDecay?: tf.Tensor3D | undefined;
}

/** The mask of all tokens including the next ones, `[batch, length]`, 0 at padding. */
function tokensWith(
  state: ValueCache | undefined,
  { q, mask }: Pick<SoftmaxInput, "q" | "mask">,
): tf.Tensor2D {
  const [batch, , length] = q.shape;
  const next = mask
    ? tokensIn("mask", mask)
    : tf.ones<tf.Rank.R2>([batch, length]);
  return state ? tf.concat([state.tokens, next], 1) : next;
}

/**
 * Positions of tokens from 0, not counting padding; padding has the position
 * before that of the next token.
 */
function placesOf(tokens: tf.Tensor2D): tf.Tensor2D {
  return tf.relu(tf.sub(tf.cumsum(tokens, 1), 1));
}

/**
 * The positions of the next tokens in their texts, `[batch, length]`, int32,
 * and the number of positions.
 */
export function nextPlaces(
  state: SoftmaxState | undefined,
  input: Pick<SoftmaxInput, "q" | "mask">,
): { of: tf.Tensor2D; length: number } {
  const all = placesOf(tokensWith(state, input));
  const [batch, length] = all.shape;
  const count = input.q.shape[2];
  const next = tf.slice(all, [0, length - count], [batch, count]);
  return { of: tf.cast(next, "int32"), length };
}

/**
 * Causal softmax attention of the next tokens, one or many, to themselves and
 * all tokens before them. Together, the steps return what `softmaxAttention`
 * returns with `causal: true` for the whole sequence; the scale is 1 /
 * sqrt(headDim). The cost of a token grows with the number of tokens before it.
 *
 * @param state The cache so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @returns y, `[batch, heads, length, valueDim]`, and the cache after these
 * tokens.
 */
export function softmaxStep(
  state: SoftmaxState | undefined,
  { q, k, v, mask, slopes, logDecay }: SoftmaxInput,
): { y: tf.Tensor4D; state: SoftmaxState } {
  const [batch, , length, headDim] = q.shape;
  return tf.tidy(() => {
    const all = withNext(state, { q, v, mask, logDecay });
    const next = mask && tokensIn("mask", mask);
    const present = (x: tf.Tensor4D) => withoutPadding(x, next);
    const cache = (keys: tf.Tensor4D): SoftmaxState => ({
      ...all.cache,
      k: keys,
    });
    if (!state) {
      const decay = logDecay &&
        selectiveDecay(logDecay, { convention: "arrival" });
      const options = { causal: true, mask, slopes, decay };
      const y = softmaxAttention(q, k, v, options);
      return { y, state: cache(tf.clone(present(k))) };
    }
    const { tokens } = all.cache;
    const keys: tf.Tensor4D = tf.concat([state.k, present(k)], 2);
    const count = keys.shape[2];
    let scores: tf.Tensor4D = tf.div(
      tf.matMul(present(q), keys, false, true),
      Math.sqrt(headDim),
    );
    if (slopes) {
      const places = placesOf(tokens);
      const ofNext = tf.slice(places, [0, count - length], [batch, length]);
      const readers = tf.reshape(ofNext, [batch, 1, length, 1]);
      const sources = tf.reshape(places, [batch, 1, 1, count]);
      scores = tf.sub(scores, penalties(slopes, readers, sources));
    }
    return { y: all.attend(scores), state: cache(keys) };
  });
}

/**
 * Adds the next tokens to a cache.
 *
 * @returns The cache, whose tensors are new, and a function of the scores of the next
 * tokens' queries with all keys, `[batch, heads, next, length]`, which returns the outputs,
 * `[batch, heads, next, valueDim]`; it does not read scores of padding and of later tokens.
 */
export function withNext(
  state: ValueCache | undefined,
  { q, v, mask, logDecay }: Omit<SoftmaxInput, "k" | "slopes">,
): { cache: ValueCache; attend: (scores: tf.Tensor4D) => tf.Tensor4D } {
  const [batch, , length] = q.shape;
  const tokens = tokensWith(state, { q, mask });
  const next = mask && tokensIn("mask", mask);
  const present = (x: tf.Tensor4D) => withoutPadding(x, next);
  const values: tf.Tensor4D = state
    ? tf.concat([state.v, present(v)], 2)
    : present(v);
  const steps = logDecay && finite(floats("logDecay", logDecay));
  const paths = steps && pathsOf(state?.decayed, steps);
  const attend = (scores: tf.Tensor4D): tf.Tensor4D => {
    const count = scores.shape[3];
    const place = tf.reshape(
      tf.range(count - length, count),
      [1, 1, length, 1],
    );
    const isBefore = tf.lessEqual(tf.range(0, count), place);
    const isToken = tf.notEqual(tf.reshape(tokens, [batch, 1, 1, count]), 0);
    let read = paths ? tf.add(scores, paths) as tf.Tensor4D : scores;
    read = hideScores(read, tf.logicalAnd(isBefore, isToken));
    if (next) read = resetPadding(read, tf.notEqual(next, 0));
    return present(tf.matMul(tf.softmax(read), values));
  };
  const cache = {
    v: tf.clone(values),
    tokens: tf.clone(tokens),
    ...(paths && { decayed: lastRow(paths) }),
  };
  return { cache, attend };
}

/**
 * The sums of log decays from each token to each of the next ones,
 * `[batch, heads, next, length]`.
 *
 * @param before The sums from each earlier token to the last of them.
 * @param logDecay Those of the next tokens, `[batch, heads, next]`.
 */
function pathsOf(
  before: tf.Tensor3D | undefined,
  logDecay: tf.Tensor3D,
): tf.Tensor4D {
  const own = logMask(
    { forward: logDecay, backward: null },
    logDecay.shape[2],
  ) as tf.Tensor4D;
  if (!before) return own;
  const since = tf.expandDims(tf.cumsum(logDecay, 2), 3);
  return tf.concat([tf.add(tf.expandDims(before, 2), since), own], 3);
}

function lastRow(paths: tf.Tensor4D): tf.Tensor3D {
  const [, , rows] = paths.shape;
  const last = tf.slice(paths, [0, 0, rows - 1, 0], [-1, -1, 1, -1]);
  return tf.squeeze(last, [2]);
}
