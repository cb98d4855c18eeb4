/** Layer normalisation. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertShape,
  hasKernel,
  isRecording,
  type Operation,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";
import { assertEpsilon, assertOptions, optionsOf } from "@lionjs/base";

/** The tensors of {@linkcode layerNorm}. */
type Inputs<T extends tf.Tensor = tf.Tensor> = {
  readonly x: T;
  readonly scale: tf.Tensor;
  readonly offset: tf.Tensor;
};

/**
 * The kernel of {@linkcode layerNorm}, with the attributes `epsilon` and `keepsMoments`,
 * whether there will be a gradient; for it, it may keep `moments` of its rows.
 */
export const LAYER_NORM: Operation<"y", "moments"> = {
  kernel: "LionLayerNorm",
  gradientsIn: ["x", "scale", "offset"],
  outputs: ["y"],
  further: ["moments"],
  gradientReads: ["moments"],
  plain: (inputs: Inputs, { epsilon }: { readonly epsilon: number }) => ({
    y: normalizePlainly(inputs, epsilon),
  }),
  along: (
    inputs: Inputs,
    directions: Partial<Inputs>,
    { epsilon }: { readonly epsilon: number },
  ) => ({ y: normalizeAlong(inputs, directions, epsilon) }),
};

/** Options of {@linkcode layerNorm}. */
interface LayerNormOptions {
  /** Epsilon added to the variance, >= 0. @default 1e-5 */
  epsilon?: number | undefined;
}

const OPTIONS = optionsOf<LayerNormOptions>()("epsilon");

/**
 * Computes layer normalisation over the last axis:
 *
 *     y = (x - mean(x)) / sqrt(variance(x) + ε) · scale + offset
 *
 * Source: Ba et al. 2016 (arXiv:1607.06450).
 *
 * Integers and booleans are converted to float32.
 *
 * @example A row with mean 0 and deviation 1
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { layerNorm } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = layerNorm(tf.tensor2d([[1, 3]]), tf.ones([2]), tf.zeros([2]));
 * const [low, high] = await y.data();
 * assertAlmostEquals(low!, -1, 1e-5);
 * assertAlmostEquals(high!, 1, 1e-5);
 * ```
 *
 * @param x Rows, `[..., columns]`.
 * @param scale The factor per column, `[columns]`.
 * @param offset The term per column, `[columns]`.
 * @param options `epsilon`: added to the variance, >= 0; 1e-5 by default.
 * @returns A tensor of the shape of x.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown.
 * @throws {RangeError} If `epsilon` is negative or not finite.
 */
export function layerNorm<T extends tf.Tensor>(
  x: T,
  scale: tf.Tensor,
  offset: tf.Tensor,
  options: LayerNormOptions = {},
): T {
  assertOptions("layerNorm", options, OPTIONS);
  const { epsilon = 1e-5 } = options;
  assertEpsilon("layerNorm's epsilon", epsilon);
  return withFloats(
    "layerNorm",
    { x, scale, offset },
    (tensors) => normalize(tensors, epsilon),
  );
}

function normalize<T extends tf.Tensor>(
  { x, scale, offset }: Inputs<T>,
  epsilon: number,
): T {
  const columns = x.shape.at(-1);
  if (columns === undefined) {
    throw new TypeError(
      "layerNorm's x should have shape [..., columns], got []",
    );
  }
  assertShape("layerNorm's scale", scale, [columns], "columns");
  assertShape("layerNorm's offset", offset, [columns], "columns");
  if (hasKernel(LAYER_NORM)) {
    const attributes = { epsilon, keepsMoments: isRecording() };
    return runKernel(LAYER_NORM, { x, scale, offset }, attributes).y as T;
  }
  return normalizePlainly({ x, scale, offset }, epsilon);
}

/** {@linkcode layerNorm} in operations of tfjs. */
export function normalizePlainly<T extends tf.Tensor>(
  { x, scale, offset }: Inputs<T>,
  epsilon: number,
): T {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const normal = tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(normal, scale), offset);
  });
}

/** How layer normalisation changes along directions of some of its tensors. */
export function normalizeAlong(
  { x, scale }: Inputs,
  directions: Partial<Inputs>,
  epsilon: number,
): tf.Tensor {
  return tf.tidy(() => {
    const mean = (x: tf.Tensor) => tf.mean(x, -1, true);
    const centred = tf.sub(x, mean(x));
    const inverse = tf.rsqrt(tf.add(mean(tf.square(centred)), epsilon));
    const normal = tf.mul(centred, inverse);
    const terms: tf.Tensor[] = [];
    if (directions.x) {
      const moved = tf.sub(directions.x, mean(directions.x));
      const wider = tf.mul(normal, mean(tf.mul(normal, moved)));
      const change = tf.mul(tf.sub(moved, wider), inverse);
      terms.push(tf.mul(change, scale));
    }
    if (directions.scale) terms.push(tf.mul(normal, directions.scale));
    if (directions.offset) terms.push(directions.offset);
    const sum = terms.reduce((sum, term) => tf.add(sum, term));
    return tf.broadcastTo(sum, x.shape);
  });
}
