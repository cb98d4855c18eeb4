/** Log decays that depend on the head alone. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { finite } from "../finite_decay/finite_decay.ts";
import { spread } from "../spread/spread.ts";

/**
 * The kernel of a pair of log decays that depend on the head alone: `logDecay`,
 * `[heads]`, without -Infinity, at each of `length` tokens, `[1, heads, length]`.
 */
export const FIXED_DECAY: Operation<"f" | "b"> = {
  kernel: "LionFixedDecay",
  gradientsIn: ["logDecay"],
  outputs: ["f", "b"],
  plain: (
    { logDecay }: { readonly logDecay: tf.Tensor },
    { length }: { readonly length: number },
  ) => {
    const everywhere = repeated(logDecay, length);
    return { f: everywhere, b: everywhere };
  },
};

/**
 * The log decays of both directions on arriving at each token, `[1, heads, length]`, of
 * log decays of heads.
 *
 * @param logDecay `[heads]`, float32.
 */
export function fixedDecays(
  logDecay: tf.Tensor,
  length: number,
): { forward: tf.Tensor3D; backward: tf.Tensor3D } {
  if (hasKernel(FIXED_DECAY)) {
    const { f, b } = runKernel(FIXED_DECAY, { logDecay }, { length });
    return { forward: f as tf.Tensor3D, backward: b as tf.Tensor3D };
  }
  const everywhere = repeated(logDecay, length);
  return { forward: everywhere, backward: everywhere };
}

function repeated(logDecay: tf.Tensor, length: number): tf.Tensor3D {
  const heads = logDecay.size;
  const perHead = tf.reshape(finite(logDecay), [1, heads, 1]);
  return spread(perHead, [1, heads, length]) as tf.Tensor3D;
}
