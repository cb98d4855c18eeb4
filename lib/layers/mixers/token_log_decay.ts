/** The log decays of heads that each token's logits make. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../../attention/decays/decay.ts";
import { hasKernel, type Operation, runKernel } from "../../contract/kernel.ts";

/**
 * The kernel of {@linkcode tokenLogDecay}, with the attribute `kept`: the index of
 * the token that does not decay, or -1.
 */
export const TOKEN_LOG_DECAY: Operation<"y"> = {
  kernel: "LionTokenLogDecay",
  gradientsIn: ["x"],
  outputs: ["y"],
};

/**
 * The log decays log σ(-x) of each token and head; 0 for a class token.
 *
 * @param x Logits, `[batch, length, heads]`.
 * @param classToken Where there is a class token.
 * @returns `[batch, heads, length]`
 */
export function tokenLogDecay(
  x: tf.Tensor3D,
  classToken: "first" | "last" | undefined,
): tf.Tensor3D {
  const length = x.shape[1];
  if (hasKernel(TOKEN_LOG_DECAY)) {
    const kept = classToken === undefined
      ? -1
      : classToken === "first"
      ? 0
      : length - 1;
    return runKernel(TOKEN_LOG_DECAY, { x }, { kept }).y as tf.Tensor3D;
  }
  const logits: tf.Tensor3D = tf.transpose(x, [0, 2, 1]);
  const logDecay = logSigmoid(tf.neg(logits));
  if (!classToken) return logDecay;
  return tf.mul(logDecay, withoutClassToken(length, classToken));
}

/** A factor for log decays: 0 for the class token, 1 for the other tokens. */
export function withoutClassToken(
  length: number,
  classToken: "first" | "last",
): tf.Tensor1D {
  const others: tf.Tensor1D = tf.ones([length - 1]);
  return tf.concat(
    classToken === "first" ? [tf.zeros([1]), others] : [others, tf.zeros([1])],
  ) as tf.Tensor1D;
}
