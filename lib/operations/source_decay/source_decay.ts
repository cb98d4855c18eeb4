/** Log decays of the source convention. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { finite } from "../finite_decay/finite_decay.ts";
import { shifted } from "../shift.ts";

/**
 * The kernel that turns log decays of the source convention into those of both
 * directions: input `logDecay`, `[batch, heads, length]`; outputs the forward and the
 * backward log decays, clipped at `LOWEST_LOG_DECAY`, and 0 at the ends, where the decay
 * would belong to a token outside the sequence.
 */
export const SOURCE_DECAY: Operation<"f" | "b"> = {
  kernel: "LionSourceDecay",
  gradientsIn: ["logDecay"],
  outputs: ["f", "b"],
  plain: ({ logDecay }: { readonly logDecay: tf.Tensor3D }) => {
    const { forward, backward } = shiftedDecays(logDecay);
    return { f: forward, b: backward };
  },
};

/**
 * The log decays of both directions on arriving at each token, given those of the tokens
 * that are left.
 *
 * @param logDecay `[batch, heads, length]`, float32.
 */
export function sourceDecays(
  logDecay: tf.Tensor3D,
): { forward: tf.Tensor3D; backward: tf.Tensor3D } {
  if (hasKernel(SOURCE_DECAY)) {
    const { f, b } = runKernel(SOURCE_DECAY, { logDecay });
    return { forward: f as tf.Tensor3D, backward: b as tf.Tensor3D };
  }
  return shiftedDecays(logDecay);
}

function shiftedDecays(
  logDecay: tf.Tensor3D,
): { forward: tf.Tensor3D; backward: tf.Tensor3D } {
  const clipped = finite(logDecay);
  return { forward: shifted(clipped, 1, 2), backward: shifted(clipped, -1, 2) };
}
