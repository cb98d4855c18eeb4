/**
 * The inputs, outputs and attributes of the delta rule's kernel, on backends
 * that have one.
 *
 * @module
 */
import {
  type KernelPlan,
  type Operation,
  planKernel,
  type Refusal,
} from "@lionjs/tfjs/kernel";
import type { AttentionSizes } from "./kernel.ts";

/**
 * The kernel of whole sequences: inputs `q, k, v`, `beta` and the log decays of both
 * directions `f?, b?`, each with 1 or headDim columns; output `y`, in which each token's
 * own contribution counts once. All of them are 0 at padding.
 */
export const DELTA_ATTENTION: Operation<"y"> = {
  kernel: "LionDelta",
  gradientsIn: ["q", "k", "v", "beta", "f", "b"],
  outputs: ["y"],
};

/**
 * The kernel of causal tokens that follow others: `before?`,
 * `[batch, heads, headDim, valueDim]`, is the state of the tokens before, without
 * the decay on arriving at the first of these; `forward` is the state after them.
 */
export const DELTA_WITH_STATE: Operation<"y" | "forward"> = {
  kernel: "LionDeltaWithState",
  gradientsIn: ["q", "k", "v", "beta", "f", "before"],
  outputs: ["y", "forward"],
};

/** Attributes of the delta rule's kernels. */
export interface DeltaAttributes {
  /**
   * Whether each token attends only to itself and the tokens before it; then
   * there is no `b`.
   */
  readonly causal: boolean;
  /** The factor of q · k in the output. */
  readonly scale: number;
  /** Tokens per chunk, as planned by the kernel. */
  readonly chunkSize: number;
}

/** The problem that a caller asks a kernel to compute. */
export interface DeltaRequest extends AttentionSizes {
  /** Whether the decays are diagonal, one per channel of the keys. */
  readonly diagonal: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Tokens per chunk; if undefined, the kernel chooses. */
  readonly chunkSize: number | undefined;
}

/**
 * The current backend's plan for a problem of the delta rule.
 *
 * @param operation The kernel of whole sequences, or of tokens that follow others.
 */
export function planDelta(
  request: DeltaRequest,
  operation: typeof DELTA_ATTENTION | typeof DELTA_WITH_STATE = DELTA_ATTENTION,
): KernelPlan | Refusal {
  return planKernel(operation, request) ??
    { refusal: "the backend has no kernel of the delta rule" };
}
