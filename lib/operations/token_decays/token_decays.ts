/** The log decays of heads that each token's logits make. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { logSigmoid } from "../log_sigmoid/log_sigmoid.ts";
import { sourceDecays } from "../source_decay/source_decay.ts";

/**
 * The kernel of the log decays log σ(-x) of each token and head, `[batch, heads, length]`,
 * of logits x, `[batch, length, heads]`, with the attribute `kept`: the index of the
 * token that does not decay, or -1.
 */
export const TOKEN_LOG_DECAY: Operation<"y"> = {
  kernel: "LionTokenLogDecay",
  gradientsIn: ["x"],
  outputs: ["y"],
  plain: ({ x }: Inputs, { kept }: Attributes) => ({
    y: logDecayPlainly(x, kept),
  }),
};

/**
 * The kernel of both directions' log decays on arriving at each token, from logits:
 * {@linkcode TOKEN_LOG_DECAY} and `SOURCE_DECAY` in one.
 */
export const TOKEN_DECAYS: Operation<"f" | "b"> = {
  kernel: "LionTokenDecays",
  gradientsIn: ["x"],
  outputs: ["f", "b"],
  plain: ({ x }: Inputs, { kept }: Attributes) => {
    const { forward, backward } = sourceDecays(logDecayPlainly(x, kept));
    return { f: forward, b: backward };
  },
};

/** The logits, `[batch, length, heads]`. */
type Inputs = { readonly x: tf.Tensor3D };

/** The index of the token that does not decay, or -1. */
type Attributes = { readonly kept: number };

/** The position of the class token, which does not decay; `undefined` without one. */
export type ClassToken = "first" | "last" | undefined;

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
  const kept = indexOf(classToken, x.shape[1]);
  if (hasKernel(TOKEN_LOG_DECAY)) {
    return runKernel(TOKEN_LOG_DECAY, { x }, { kept }).y as tf.Tensor3D;
  }
  return logDecayPlainly(x, kept);
}

function logDecayPlainly(x: tf.Tensor3D, kept: number): tf.Tensor3D {
  const logits: tf.Tensor3D = tf.transpose(x, [0, 2, 1]);
  const logDecay = logSigmoid(tf.neg(logits));
  if (kept < 0) return logDecay;
  const classToken = kept === 0 ? "first" : "last";
  return tf.mul(logDecay, withoutClassToken(x.shape[1], classToken));
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

/**
 * Both directions' log decays on arriving at each token, in one kernel: see
 * {@linkcode TOKEN_DECAYS}. Where there is none, `undefined`.
 *
 * @param x Logits, `[batch, length, heads]`.
 */
export function tokenDecays(
  x: tf.Tensor3D,
  classToken: ClassToken,
): { forward: tf.Tensor3D; backward: tf.Tensor3D } | undefined {
  if (!hasKernel(TOKEN_DECAYS)) return undefined;
  const kept = indexOf(classToken, x.shape[1]);
  const { f, b } = runKernel(TOKEN_DECAYS, { x }, { kept });
  return { forward: f as tf.Tensor3D, backward: b as tf.Tensor3D };
}

function indexOf(classToken: ClassToken, length: number): number {
  return classToken === undefined
    ? -1
    : classToken === "first"
    ? 0
    : length - 1;
}
