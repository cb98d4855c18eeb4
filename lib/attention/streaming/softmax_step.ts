/** Softmax attention on a sequence that arrives in steps, with a KV cache. @module */
import * as tf from "@tensorflow/tfjs-core";
import { tokensIn, withoutPadding } from "../../operations/padding.ts";
import { floats } from "@lionjs/tfjs/kernel";
import { penalties } from "../decays/alibi.ts";
import { selectiveDecay } from "../decays/decay.ts";
import { finite } from "../decays/finite_decay.ts";
import { logMask } from "../decays/mask.ts";
import { hideScores, resetPadding } from "../forms/softmax.ts";
import { softmaxAttention } from "../softmax_attention.ts";

/** The KV cache: keys and values of the tokens so far. */
export type SoftmaxState = {
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** The mask of tokens, `[batch, length]`, 0 at padding. */
  readonly tokens: tf.Tensor2D;
  /**
   * With a decay, the sum of the log decays since each token, `[batch, heads, length]`.
   */
  readonly decayed?: tf.Tensor3D;
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
  state: SoftmaxState | undefined,
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
    const tokens = tokensWith(state, { q, mask });
    const next = mask && tokensIn("mask", mask);
    const present = (x: tf.Tensor4D) => withoutPadding(x, next);
    const steps = logDecay && finite(floats("logDecay", logDecay));
    const since = steps && tf.cumsum<tf.Tensor3D>(steps, 2, true, true);
    if (!state) {
      const decay = logDecay &&
        selectiveDecay(logDecay, { convention: "arrival" });
      const y = softmaxAttention(q, k, v, {
        ...{ causal: true, mask, slopes, decay },
      });
      const [keys, values] = [tf.clone(present(k)), tf.clone(present(v))];
      const cache = { k: keys, v: values, tokens: tf.clone(tokens) };
      return { y, state: { ...cache, ...since && { decayed: since } } };
    }
    const decayed = since && tf.concat<tf.Tensor3D>([
      tf.add(state.decayed!, tf.sum(steps!, 2, true)),
      since,
    ], 2);
    const all: SoftmaxState = {
      k: tf.concat([state.k, present(k)], 2),
      v: tf.concat([state.v, present(v)], 2),
      tokens,
      ...decayed && { decayed },
    };
    const keys = all.k.shape[2];
    const place = tf.reshape(tf.range(keys - length, keys), [1, 1, length, 1]);
    const isBefore = tf.lessEqual(tf.range(0, keys), place);
    const isToken = tf.notEqual(tf.reshape(all.tokens, [batch, 1, 1, keys]), 0);
    let scores: tf.Tensor4D = tf.div(
      tf.matMul(present(q), all.k, false, true),
      Math.sqrt(headDim),
    );
    if (slopes) {
      const places = placesOf(tokens);
      const ofNext = tf.slice(places, [0, keys - length], [batch, length]);
      const readers = tf.reshape(ofNext, [batch, 1, length, 1]);
      const sources = tf.reshape(places, [batch, 1, 1, keys]);
      scores = tf.sub(scores, penalties(slopes, readers, sources));
    }
    if (steps) {
      const ofEarlier = tf.add(
        tf.expandDims(tf.cumsum(steps, 2), 3),
        tf.expandDims(state.decayed!, 2),
      );
      const ofNext = logMask({ forward: steps, backward: null }, length);
      scores = tf.add(scores, tf.concat([ofEarlier, ofNext], 3));
    }
    scores = hideScores(scores, tf.logicalAnd(isBefore, isToken));
    if (next) scores = resetPadding(scores, tf.notEqual(next, 0));
    const y = tf.matMul(tf.softmax(scores), all.v) as tf.Tensor4D;
    return { y: present(y), state: all };
  });
}
