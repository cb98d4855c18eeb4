import * as tf from "@tensorflow/tfjs-core";
import { withFloats } from "../contract/floats.ts";
import { hasKernel, type Operation, runKernel } from "../contract/kernel.ts";

/** The kernel of {@linkcode gelu}. */
export const GELU: Operation<"y"> = {
  kernel: "LionGelu",
  gradientsIn: ["x"],
  outputs: ["y"],
};

/**
 * GELU, x Φ(x), with the cumulative normal distribution Φ(x) = (1 + erf(x /
 * √2)) / 2.
 *
 * Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415).
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gelu } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [y] = await gelu(tf.tensor1d([1])).data();
 * assertAlmostEquals(y!, 0.841345, 1e-6);
 * ```
 *
 * @param x Any shape; integers and booleans are converted to float32.
 * @returns A tensor of the shape of x.
 * @throws {TypeError} If x holds complex numbers or strings.
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  return withFloats("gelu", { x }, ({ x }) => {
    if (hasKernel(GELU)) return runKernel(GELU, { x }).y as T;
    return tf.tidy((): T => {
      const doubled = tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1);
      return tf.mul(tf.mul(x, 0.5), doubled);
    });
  });
}
