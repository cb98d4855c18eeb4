/** Layer normalisation of the sum of two tensors. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  isRecording,
  type Operation,
  runAsOne,
  runKernel,
} from "@lionjs/tfjs/kernel";
import { layerNorm, normalizeAlong, normalizePlainly } from "./layer_norm.ts";

/**
 * The kernel of {@linkcode addAndNorm}, with the attributes of `LAYER_NORM` and `adds`,
 * whether there is an input `added`.
 */
export const ADD_AND_NORM: Operation<"sum" | "y", "moments"> = {
  kernel: "LionAddAndNorm",
  gradientsIn: ["x", "added", "scale", "offset"],
  outputs: ["sum", "y"],
  further: ["moments"],
  gradientReads: ["sum", "moments"],
  gradientInputs: ["scale"],
  plain: addAndNormPlainly,
  along: addAndNormAlong,
};

/** The kernel of {@linkcode normOfSum}, with the attributes of {@linkcode ADD_AND_NORM}. */
export const NORM_OF_SUM: Operation<"y", "sum" | "moments"> = {
  kernel: "LionNormOfSum",
  gradientsIn: ["x", "added", "scale", "offset"],
  outputs: ["y"],
  further: ["sum", "moments"],
  gradientReads: ["sum", "moments"],
  gradientInputs: ["scale"],
  plain: (inputs: Inputs, attributes: { readonly epsilon: number }) => ({
    y: addAndNormPlainly(inputs, attributes).y,
  }),
  along: (
    inputs: Inputs,
    directions: Partial<Inputs>,
    attributes: { readonly epsilon: number },
  ) => ({ y: addAndNormAlong(inputs, directions, attributes).y }),
};

/** The tensors of the kernels. */
type Inputs = {
  readonly x: tf.Tensor;
  readonly added?: tf.Tensor | undefined;
  readonly scale: tf.Tensor;
  readonly offset: tf.Tensor;
};

function addAndNormPlainly(
  { x, added, scale, offset }: Inputs,
  { epsilon }: { readonly epsilon: number },
): { sum: tf.Tensor; y: tf.Tensor } {
  const sum = added ? tf.add(x, added) : x;
  return { sum, y: normalizePlainly({ x: sum, scale, offset }, epsilon) };
}

function addAndNormAlong(
  { x, added, ...parameters }: Inputs,
  { x: xWay, added: addedWay, ...ways }: Partial<Inputs>,
  { epsilon }: { readonly epsilon: number },
): { sum: tf.Tensor; y: tf.Tensor } {
  const way = xWay && addedWay ? tf.add(xWay, addedWay) : xWay ?? addedWay;
  const inputs = { x: added ? tf.add(x, added) : x, ...parameters };
  const directions = { ...ways, ...way && { x: way } };
  return {
    sum: way ?? tf.zerosLike(x),
    y: normalizeAlong(inputs, directions, epsilon),
  };
}

/** The parameters of a layer normalisation. */
export interface NormParameters {
  /** A vector, `[columns]`. */
  readonly scale: tf.Tensor;
  /** A vector, `[columns]`. */
  readonly offset: tf.Tensor;
  /** Epsilon added to the variance. */
  readonly epsilon: number;
}

/**
 * The sum of two tensors of one shape. Its gradient is that of both, and keeps
 * neither, where that of `tf.add` keeps both for their shapes.
 */
export function addSame<T extends tf.Tensor>(x: T, added: T): T {
  if (!isRecording() || !tf.util.arraysEqual(x.shape, added.shape)) {
    return tf.add(x, added);
  }
  const [sum] = runAsOne(
    { x, added },
    () => [tf.add(x, added)],
    // Two clones, since tfjs disposes of a gradient once it has added another to it.
    ([dy]) => ({ x: tf.clone(dy!), added: tf.clone(dy!) }),
  );
  return sum as T;
}

/**
 * The sum of two tensors, and its layer normalisation: where both go on, as in a
 * block that normalises the input of each sublayer, their gradients meet in one
 * kernel, too.
 *
 * Call it inside `tf.tidy`.
 *
 * @param x `[..., columns]`
 * @param added A tensor of the shape of x; `undefined` for x alone.
 * @param parameters See {@linkcode NormParameters}.
 */
export function addAndNorm<T extends tf.Tensor>(
  x: T,
  added: T | undefined,
  parameters: NormParameters,
): { sum: T; y: T } {
  const gains = added !== undefined || isRecording();
  if (gains && isFused(ADD_AND_NORM, x, added)) {
    return run(ADD_AND_NORM, x, added, parameters) as { sum: T; y: T };
  }
  const sum = added ? addSame(x, added) : x;
  return { sum, y: normOf(sum, parameters) };
}

/**
 * The layer normalisation of the sum of two tensors, as in a block that normalises
 * the sum of each sublayer's input and output.
 *
 * Call it inside `tf.tidy`.
 *
 * @param x `[..., columns]`
 * @param added A tensor of the shape of x.
 * @param parameters See {@linkcode NormParameters}.
 */
export function normOfSum<T extends tf.Tensor>(
  x: T,
  added: T,
  parameters: NormParameters,
): T {
  return isFused(NORM_OF_SUM, x, added)
    ? run(NORM_OF_SUM, x, added, parameters).y as T
    : normOf(addSame(x, added), parameters);
}

function normOf<T extends tf.Tensor>(
  x: T,
  { scale, offset, epsilon }: NormParameters,
): T {
  return layerNorm(x, scale, offset, { epsilon });
}

/** Whether the backend's kernel takes the tensors, which must have one shape. */
function isFused(
  operation: Operation,
  x: tf.Tensor,
  added: tf.Tensor | undefined,
): boolean {
  return hasKernel(operation) &&
    (!added || tf.util.arraysEqual(x.shape, added.shape));
}

function run<Output extends string, Further extends string>(
  operation: Operation<Output, Further>,
  x: tf.Tensor,
  added: tf.Tensor | undefined,
  { scale, offset, epsilon }: NormParameters,
) {
  const adds = added !== undefined, keepsMoments = isRecording();
  const attributes = { epsilon, adds, keepsMoments };
  return runKernel(operation, { x, added, scale, offset }, attributes);
}
