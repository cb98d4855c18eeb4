/** RMS normalisation, gated if asked for. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertShape,
  hasKernel,
  type Operation,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";
import { assertEpsilon, assertOptions, optionsOf } from "@lionjs/base";

/** The tensors of {@linkcode rmsNorm}. */
type Inputs<T extends tf.Tensor = tf.Tensor> = {
  readonly x: T;
  readonly scale: tf.Tensor;
  readonly gate?: tf.Tensor | undefined;
};

/** The kernel of {@linkcode rmsNorm}, with optional `gate` and the attribute `epsilon`. */
export const RMS_NORM: Operation<"y"> = {
  kernel: "LionRmsNorm",
  gradientsIn: ["x", "scale", "gate"],
  outputs: ["y"],
  plain: (inputs: Inputs, { epsilon }: { readonly epsilon: number }) => ({
    y: normalizePlainly(inputs, epsilon),
  }),
};

/** Options of {@linkcode rmsNorm}. */
interface RmsNormOptions {
  /** Epsilon added to the mean of the squares, >= 0. @default 1e-5 */
  epsilon?: number | undefined;
  /** A gate of the shape of x: the result is multiplied by SiLU(gate). @default none */
  gate?: tf.Tensor | undefined;
}

const OPTIONS = optionsOf<RmsNormOptions>()("epsilon gate");

/**
 * Computes root mean square normalisation over the last axis:
 *
 *     y = x / sqrt(mean(x²) + ε) · scale,    times SiLU(gate) with a gate
 *
 * Source: Zhang and Sennrich 2019 (arXiv:1910.07467); with a gate, Dao and Gu
 * 2024 (arXiv:2405.21060).
 *
 * Integers and booleans are converted to float32.
 *
 * @example A row whose squares have a mean of one
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { rmsNorm } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [first, second] = await rmsNorm(tf.tensor2d([[1, 7]]), tf.ones([2])).data();
 * assertAlmostEquals(first!, 1 / 5, 1e-5);
 * assertAlmostEquals(second!, 7 / 5, 1e-5);
 * ```
 *
 * @param x Rows, `[..., columns]`.
 * @param scale The factor per column, `[columns]`.
 * @param options `epsilon`: added to the mean of the squares, >= 0; 1e-5 by
 * default. `gate`: of the shape of x; none by default.
 * @returns A tensor of the shape of x.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown.
 * @throws {RangeError} If `epsilon` is negative or not finite.
 */
export function rmsNorm<T extends tf.Tensor>(
  x: T,
  scale: tf.Tensor,
  options: RmsNormOptions = {},
): T {
  assertOptions("rmsNorm", options, OPTIONS);
  const { epsilon = 1e-5, gate } = options;
  assertEpsilon("rmsNorm's epsilon", epsilon);
  return withFloats("rmsNorm", { x, scale, gate }, ({ x, scale, gate }) => {
    const columns = x.shape.at(-1);
    if (columns === undefined) {
      throw new TypeError(
        "rmsNorm's x should have shape [..., columns], got []",
      );
    }
    assertShape("rmsNorm's scale", scale, [columns], "columns");
    if (gate) assertShape("rmsNorm's gate", gate, x.shape, "the shape of x");
    if (x.size > 0 && hasKernel(RMS_NORM)) {
      return runKernel(RMS_NORM, { x, scale, gate }, { epsilon }).y as T;
    }
    return normalizePlainly({ x, scale, gate }, epsilon);
  });
}

function normalizePlainly<T extends tf.Tensor>(
  { x, scale, gate }: Inputs<T>,
  epsilon: number,
): T {
  return tf.tidy((): T => {
    const squares = tf.mean(tf.square(x), -1, true);
    const normal = tf.mul(x, tf.rsqrt(tf.add(squares, epsilon)));
    const scaled = tf.mul(normal, scale) as T;
    return gate ? tf.mul(scaled, tf.mul(gate, tf.sigmoid(gate))) as T : scaled;
  });
}
