/** The decays that lie on a path between two tokens, and those that do not. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectBetween } from "../../operations/between_tokens/between_tokens.ts";
import type { DecayPair } from "../decays/decay_pair.ts";

/**
 * Returns a pair of log decays unchanged, but with gradients that are exactly zero
 * before the first token and after the last one, where there is only padding and no
 * state to decay.
 *
 * A kernel subtracts two sums, which leaves a rounding error where they are
 * equal. Adam divides by the usual size of a gradient and so turns such errors
 * into full steps: the vectors of positions that have only ever been padding
 * would drift.
 *
 * @param pair Log decays applied on arrival, `[batch, heads, length, ...]`. A tensor with a
 * batch axis of 1, shared by all sequences, is returned unchanged.
 * @param tokens `[batch, length]`, 0 at padding.
 */
export function betweenTokens<P extends DecayPair>(
  pair: P,
  tokens: tf.Tensor2D,
): P {
  const { forward, backward } = pair;
  if (forward.shape[0] !== tokens.shape[0]) return pair;
  return {
    forward: gated(forward, tokens, true),
    backward: backward && gated(backward, tokens, false),
  } as P;
}

/** Lets the gradient pass only between the first token and the last one. */
function gated(
  logDecay: tf.Tensor,
  tokens: tf.Tensor2D,
  forward: boolean,
): tf.Tensor {
  const gate = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([tokens]);
    return {
      value: tf.clone(x as tf.Tensor),
      gradFunc: (dy: tf.Tensor, [tokens]: tf.Tensor[]) =>
        selected(dy, tokens as tf.Tensor2D, forward),
    };
  });
  return gate(logDecay);
}

/** {@linkcode selectBetween}, which is its own gradient. */
function selected(
  x: tf.Tensor,
  tokens: tf.Tensor2D,
  forward: boolean,
): tf.Tensor {
  const select = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([tokens]);
    return {
      value: selectBetween(x as tf.Tensor, tokens, forward),
      gradFunc: (dy: tf.Tensor, [tokens]: tf.Tensor[]) =>
        selected(dy, tokens as tf.Tensor2D, forward),
    };
  });
  return select(x);
}
