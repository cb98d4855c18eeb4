/** Linear maps, with GELU behind them if asked for. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertShape,
  hasKernel,
  isRecording,
  type Operation,
  recordKernel,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";
import { gelu, geluAlong } from "../gelu/gelu.ts";

/** The kernel of {@linkcode dense}. */
export const DENSE: Operation<"y"> = {
  kernel: "LionDense",
  gradientsIn: ["x", "weight", "bias"],
  outputs: ["y"],
  plain: (inputs: Inputs) => ({ y: multiplyPlainly(inputs) }),
  along: (inputs: Inputs, directions: Partial<Inputs>) => ({
    y: multiplyAlong(inputs, directions),
  }),
};

/**
 * The kernel of {@linkcode denseGelu}. `hidden` is made for a gradient alone,
 * and is what a backend's gradient kernel reads: the sums before GELU, or
 * GELU's derivatives at them.
 */
export const DENSE_GELU: Operation<"y", "hidden"> = {
  kernel: "LionDenseGelu",
  gradientsIn: ["x", "weight", "bias"],
  outputs: ["y"],
  further: ["hidden"],
  gradientReads: ["hidden"],
  plain: (inputs: Inputs) => ({ y: gelu(multiplyPlainly(inputs)) }),
  along: (inputs: Inputs, directions: Partial<Inputs>) => ({
    y: geluAlong(multiplyPlainly(inputs), multiplyAlong(inputs, directions)),
  }),
};

/** The tensors of {@linkcode dense}. */
type Inputs = {
  readonly x: tf.Tensor;
  readonly weight: tf.Tensor2D;
  readonly bias?: tf.Tensor | undefined;
};

/** Attributes of the kernel of {@linkcode denseGelu}. */
export interface DenseGeluAttributes {
  /** Whether the kernel outputs `hidden`, for a gradient. */
  readonly keepsHidden: boolean;
}

/**
 * Computes x W + b over the last axis in one kernel.
 *
 * Integers and booleans are converted to float32.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dense } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = dense(tf.ones([3, 5, 2]), tf.ones([2, 4]), tf.fill([4], 10));
 * assertEquals(y.shape, [3, 5, 4]);
 * assertEquals((await y.data())[0], 12);
 * ```
 *
 * @param x Inputs, `[..., inputs]`.
 * @param weight W, `[inputs, outputs]`.
 * @param bias b, `[outputs]`.
 * @returns The outputs, `[..., outputs]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype.
 * @throws {RangeError} If x has no columns.
 */
export function dense(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias?: tf.Tensor,
): tf.Tensor {
  return withFloats("dense", { x, weight, bias }, denseOfFloats);
}

/** Computes x W + b of float32 tensors: `[..., inputs]` to `[..., outputs]`. */
function denseOfFloats(
  { x, weight, bias }: {
    x: tf.Tensor;
    weight: tf.Tensor;
    bias: tf.Tensor | undefined;
  },
): tf.Tensor {
  assertDense(x, weight, bias);
  if (bias && hasKernel(DENSE)) {
    return runKernel(DENSE, { x, weight, bias }).y;
  }
  return multiplyPlainly({ x, weight, bias });
}

function multiplyPlainly({ x, weight, bias }: Inputs): tf.Tensor {
  const outputs = weight.shape[1];
  return tf.tidy(() => {
    // The forward pass is one matrix product, and the gradient is two more.
    const count = tf.util.sizeFromShape(x.shape.slice(0, -1));
    const rows: tf.Tensor2D = tf.reshape(x, [count, weight.shape[0]]);
    const y = tf.fused.matMul({
      a: rows,
      b: weight,
      ...(bias ? { bias } : {}),
    });
    return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
  });
}

/** How x W + b changes along directions of some of these. */
function multiplyAlong(
  { x, weight }: Inputs,
  directions: Partial<Inputs>,
): tf.Tensor {
  const rowsOf = (x: tf.Tensor) => tf.reshape(x, [-1, weight.shape[0]]);
  // A fused product would compute the gradients of both factors, and one is a direction.
  const product = (x: tf.Tensor, weight: tf.Tensor2D): tf.Tensor =>
    tf.matMul(rowsOf(x), weight);
  const terms = [
    directions.x && product(directions.x, weight),
    directions.weight && product(x, directions.weight),
    directions.bias,
  ].filter((term) => term !== undefined);
  const sum = terms.reduce((sum, term) => tf.add(sum, term));
  const shape = [...x.shape.slice(0, -1), weight.shape[1]];
  return sum.rank === 1 ? tf.broadcastTo(sum, shape) : tf.reshape(sum, shape);
}

/**
 * Throws unless x, `[..., inputs]`, W, `[inputs, outputs]`, and b, `[outputs]`,
 * fit each other.
 */
function assertDense(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | undefined,
): asserts weight is tf.Tensor2D {
  const inputs = x.shape.at(-1);
  if (inputs === undefined) {
    throw new TypeError("dense's x should have shape [..., inputs], got []");
  }
  assertShape("dense's weight", weight, [inputs, null], "inputs, outputs");
  if (inputs === 0) {
    throw new RangeError("dense's x should have at least one column, got none");
  }
  if (bias) assertShape("dense's bias", bias, [weight.shape[1]!], "outputs");
}

/** GELU(x W + b), in one kernel where there is one; see {@linkcode dense}. */
export function denseGelu(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  if (!hasKernel(DENSE_GELU)) {
    return tf.tidy(() => gelu(dense(x, weight, bias)));
  }
  return withFloats("dense", { x, weight, bias }, (given) => {
    assertDense(given.x, given.weight, given.bias);
    const attributes: DenseGeluAttributes = { keepsHidden: isRecording() };
    return runKernel(DENSE_GELU, given, attributes).y;
  });
}

/**
 * Records {@linkcode dense} for its gradients alone, where nothing reads its
 * value: with a kernel, the value is zeros, `[..., outputs]`.
 */
export function recordDense(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  if (!hasKernel(DENSE)) return dense(x, weight, bias);
  const y = [...x.shape.slice(0, -1), bias.size];
  return recordKernel(DENSE, { x, weight, bias }, { y }).y;
}
