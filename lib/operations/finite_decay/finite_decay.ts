/** Log decays without -Infinity. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";

/**
 * The lowest log decay. Its decay, e^-10000, is 0 in any floating-point format, and it
 * is finite: a log decay of -Infinity would meet 0 · Infinity = NaN in the masks.
 */
export const LOWEST_LOG_DECAY = -1e4;

/** The kernel of {@linkcode finite}. */
export const FINITE_DECAY: Operation<"y"> = {
  kernel: "LionFiniteDecay",
  gradientsIn: ["x"],
  outputs: ["y"],
  plain: ({ x }: { readonly x: tf.Tensor }) => ({ y: clipped(x) }),
};

/**
 * Replaces log decays of -Infinity, where the gradient is 0. A value above 0 is the caller's
 * error and stays visible, and so does NaN. tfjs-wasm's `clipByValue` would
 * turn NaN into the lowest value: a model that diverges would only seem to
 * forget.
 */
export function finite<T extends tf.Tensor>(logDecay: T): T {
  if (hasKernel(FINITE_DECAY)) {
    return runKernel(FINITE_DECAY, { x: logDecay }).y as T;
  }
  return clipped(logDecay);
}

function clipped<T extends tf.Tensor>(logDecay: T): T {
  const clip = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([x as T]);
    return {
      value: tf.maximum(x as T, LOWEST_LOG_DECAY) as T,
      gradFunc: (dy: tf.Tensor, [x]: tf.Tensor[]) =>
        tf.where(tf.less(x!, LOWEST_LOG_DECAY), tf.zerosLike(dy), dy),
    };
  });
  return clip(logDecay) as T;
}
