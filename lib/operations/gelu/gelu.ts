import { assertOneOf, assertOptions } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  type Operation,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";

/** Options of {@linkcode gelu}. */
export interface GeluOptions {
  /**
   * Whether Φ is exact or approximated by a hyperbolic tangent, as in GPT-2; the
   * two differ by at most 5e-4. @default "none"
   */
  approximate?: "none" | "tanh" | undefined;
}

/** The kernel of {@linkcode gelu}. */
export const GELU: Operation<"y"> = {
  kernel: "LionGelu",
  gradientsIn: ["x"],
  outputs: ["y"],
  plain: ({ x }: Inputs) => ({ y: byErf(x) }),
  along: ({ x }: Inputs, directions: Inputs) => ({
    y: geluAlong(x, directions.x),
  }),
};

type Inputs = { readonly x: tf.Tensor };

/**
 * Computes GELU, x Φ(x), with the cumulative normal distribution Φ(x) = (1 +
 * erf(x / √2)) / 2.
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
 * @example GPT-2's approximation
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { gelu } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [y] = await gelu(tf.tensor1d([1]), { approximate: "tanh" }).data();
 * assertAlmostEquals(y!, 0.841192, 1e-6);
 * ```
 *
 * @param x A tensor of any shape; integers and booleans are converted to
 * float32.
 * @param options See {@linkcode GeluOptions}.
 * @returns A tensor of the shape of x.
 * @throws {TypeError} If x holds complex numbers or strings, or an option is
 * unknown.
 * @throws {RangeError} If there is no such approximation.
 */
export function gelu<T extends tf.Tensor>(
  x: T,
  options: GeluOptions = {},
): T {
  assertOptions("gelu", options, { approximate: true });
  const { approximate = "none" } = options;
  assertOneOf("gelu's approximate", approximate, ["none", "tanh"]);
  return withFloats("gelu", { x }, ({ x }) => {
    if (approximate === "tanh") return byTanh(x) as T;
    if (hasKernel(GELU)) return runKernel(GELU, { x }).y as T;
    return byErf(x) as T;
  });
}

/** x (1 + erf(x / √2)) / 2. */
function byErf<T extends tf.Tensor>(x: T): T {
  return tf.tidy((): T => {
    const doubled = tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1);
    return tf.mul(tf.mul(x, 0.5), doubled);
  });
}

/**
 * GELU'(x) ẋ, how GELU changes along a direction, whose gradient has
 * GELU'' = φ(x) (2 - x²), of the normal distribution's density φ.
 */
export function geluAlong(x: tf.Tensor, direction: tf.Tensor): tf.Tensor {
  const along = tf.customGrad((x, direction, save) => {
    (save as tf.GradSaveFunc)([x as tf.Tensor, direction as tf.Tensor]);
    return {
      value: tf.tidy(() =>
        tf.mul(slope(x as tf.Tensor), direction as tf.Tensor)
      ),
      gradFunc: (dy: tf.Tensor, [x, direction]: tf.Tensor[]) => [
        tf.mul(tf.mul(dy, direction!), curvature(x!)),
        geluAlong(x!, dy),
      ],
    };
  });
  return along(x, direction);
}

/** GELU' = Φ(x) + x φ(x). */
function slope(x: tf.Tensor): tf.Tensor {
  const below = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  return tf.add(below, tf.mul(x, density(x)));
}

/** GELU''. */
function curvature(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.sub(2, tf.square(x)), density(x));
}

/** φ(x) of the normal distribution. */
function density(x: tf.Tensor): tf.Tensor {
  const power = tf.exp(tf.mul(tf.square(x), -0.5));
  return tf.mul(power, 1 / Math.sqrt(2 * Math.PI));
}

/**
 * x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, where (1 + tanh z) / 2 is the
 * logistic function of 2z.
 */
function byTanh<T extends tf.Tensor>(x: T): T {
  return tf.tidy((): T => {
    const inner = tf.mul(x, tf.add(tf.mul(tf.square(x), 0.044715), 1));
    return tf.mul(x, tf.sigmoid(tf.mul(inner, 2 * Math.sqrt(2 / Math.PI))));
  });
}
