/** The kernel of softmax attention that a backend may have. @module */
import { hasKernel, type Operation } from "../../contract/kernel.ts";

/**
 * The kernel: inputs `q, k, v, mask?, segments?`, outputs `y` and, for each row
 * of scores, the largest score and the sum of e^(score - largest). `segments`,
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

/** The attributes of the forward and the gradient kernel. */
export interface SoftmaxAttributes {
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
}

/**
 * Whether the backend has a kernel for it; none has slopes in both directions.
 */
export function hasSoftmaxKernel(causal: boolean, slopes: boolean): boolean {
  return hasKernel(SOFTMAX_ATTENTION) && (causal || !slopes);
}
