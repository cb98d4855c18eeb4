/** The kernel of softmax attention that a backend may have. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { withSlopes } from "../decays/alibi.ts";
import type { SoftmaxAttributes, SoftmaxInputs } from "../forms/softmax.ts";

export type { SoftmaxAttributes } from "../forms/softmax.ts";

/**
 * The kernel of softmax attention: inputs `q, k, v, mask?, segments?`, outputs `y` and,
 * for each row of scores, the largest score and the sum of e^(score - largest). `segments`,
 * `[batch, length]`, are numbered in order from 1: tokens attend to each other
 * if they have the same number.
 */
export const SOFTMAX_ATTENTION: Operation<"y", "maxima" | "sums"> = {
  kernel: "LionSoftmaxAttention",
  gradientsIn: ["q", "k", "v"],
  outputs: ["y"],
  further: ["maxima", "sums"],
  gradientReads: ["y", "maxima", "sums"],
};

/**
 * Whether the backend has a kernel of softmax attention; none has ALiBi's slopes in
 * both directions.
 */
export function hasSoftmaxKernel(causal: boolean, slopes: boolean): boolean {
  return hasKernel(SOFTMAX_ATTENTION) && (causal || !slopes);
}

/**
 * Runs the current backend's kernel of softmax attention; slopes become a column of
 * queries and keys. Differentiable in q, k and v. Call it inside `tf.tidy`.
 *
 * @param slopes ALiBi's slopes, one per head; only if causal.
 * @returns `[batch, heads, length, valueDim]`
 */
export function runSoftmaxFused(
  { q, k, v, mask, segments }: SoftmaxInputs,
  { causal, scale }: SoftmaxAttributes,
  slopes: readonly number[] | undefined,
): tf.Tensor4D {
  const run = (q: tf.Tensor4D, k: tf.Tensor4D, scale: number) => {
    const attributes: SoftmaxAttributes = { causal, scale };
    const { y } = runKernel(
      SOFTMAX_ATTENTION,
      { q, k, v, mask, segments },
      attributes,
    );
    return y as tf.Tensor4D;
  };
  return slopes
    ? run(...withSlopes(slopes, tf.mul(q, scale), k), 1)
    : run(q, k, scale);
}
