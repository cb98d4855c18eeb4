/** The log decays of heads that each token's logits make. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  clampedDecay,
  type Decay,
  logSigmoid,
  selectiveDecay,
} from "../../attention/decays/decay.ts";
import {
  TOKEN_DECAYS,
  TOKEN_LOG_DECAY,
} from "../../operations/token_decays/token_decays.ts";
import { hasKernel, runKernel } from "@lionjs/tfjs/kernel";

/** The position of the class token, which does not decay; `undefined` without one. */
type ClassToken = "first" | "last" | undefined;

/**
 * The log decays log σ(-x) of each token and head, as a decay of the source convention.
 *
 * @param x Logits, `[batch, length, heads]`.
 * @param isOfPairs Whether only the log decays on arriving at each token are read,
 * which one kernel then makes, where there is one.
 */
export function decayOfLogits(
  x: tf.Tensor3D,
  classToken: ClassToken,
  isOfPairs: boolean,
): Decay {
  if (!isOfPairs || !hasKernel(TOKEN_DECAYS)) {
    return selectiveDecay(tokenLogDecay(x, classToken));
  }
  const kept = indexOf(classToken, x.shape[1]);
  const { f, b } = runKernel(TOKEN_DECAYS, { x }, { kept });
  return clampedDecay(f as tf.Tensor3D, b as tf.Tensor3D);
}

function indexOf(classToken: ClassToken, length: number): number {
  return classToken === undefined
    ? -1
    : classToken === "first"
    ? 0
    : length - 1;
}

/**
 * The log decays log σ(-x) of each token and head; 0 for a class token.
 *
 * @param x Logits, `[batch, length, heads]`.
 * @returns `[batch, heads, length]`
 */
export function tokenLogDecay(
  x: tf.Tensor3D,
  classToken: ClassToken,
): tf.Tensor3D {
  const length = x.shape[1];
  if (hasKernel(TOKEN_LOG_DECAY)) {
    const kept = indexOf(classToken, length);
    return runKernel(TOKEN_LOG_DECAY, { x }, { kept }).y as tf.Tensor3D;
  }
  const logits: tf.Tensor3D = tf.transpose(x, [0, 2, 1]);
  const logDecay = logSigmoid(tf.neg(logits));
  if (!classToken) return logDecay;
  return tf.mul(logDecay, withoutClassToken(length, classToken));
}

/** A factor for log decays, `[length]`: 0 for the class token, 1 for the other tokens. */
export function withoutClassToken(
  length: number,
  classToken: "first" | "last",
): tf.Tensor1D {
  const others: tf.Tensor1D = tf.ones([length - 1]);
  return tf.concat(
    classToken === "first" ? [tf.zeros([1]), others] : [others, tf.zeros([1])],
  ) as tf.Tensor1D;
}
