import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  type Operation,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";

/** The kernel of {@linkcode logSigmoid}. */
export const LOG_SIGMOID: Operation<"y"> = {
  kernel: "LionLogSigmoid",
  gradientsIn: ["x"],
  outputs: ["y"],
  plain: ({ x }: { readonly x: tf.Tensor }) => ({ y: bySoftplus(x) }),
};

/**
 * Computes log(sigmoid(x)), which turns a logit into a log decay: LION-S
 * computes one logit per token, LION-D learns one per head.
 *
 * Use it instead of `tf.logSigmoid`, whose gradient fails inside `tf.tidy`.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { logSigmoid } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [half] = await logSigmoid(tf.scalar(0)).data();
 * assertAlmostEquals(half!, Math.log(0.5), 1e-6);
 * ```
 *
 * @param x Logits, of any shape; integers and booleans are converted to float32.
 * @returns Log decays in the shape of x, all <= 0.
 * @throws {TypeError} If x is not numeric.
 */
export function logSigmoid<T extends tf.Tensor>(x: T): T {
  return withFloats(
    "logSigmoid",
    { x },
    ({ x }) =>
      hasKernel(LOG_SIGMOID)
        ? runKernel(LOG_SIGMOID, { x }).y as T
        : bySoftplus(x),
  );
}

function bySoftplus<T extends tf.Tensor>(x: T): T {
  return tf.tidy((): T => tf.neg(tf.softplus(tf.neg(x))));
}
