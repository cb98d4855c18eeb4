/**
 * The delta rule as a kernel, where the current backend has one: what it is
 * given and what it answers.
 *
 * @module
 */
import { type Operation, planKernel } from "../contract/kernel.ts";
import type { KernelPlan, Refusal } from "../contract/kernel.ts";
import type { AttentionSizes } from "./kernel.ts";

/**
 * Inputs `q, k, v`, `beta` and the log decays of both directions `f?, b?`, of
 * one column each, or of headDim; output `y`, each token's own part counted once. What they
 * hold at padding is 0.
 */
export const DELTA_ATTENTION: Operation<"y"> = {
  kernel: "LionDelta",
  gradientsIn: ["q", "k", "v", "beta", "f", "b"],
  outputs: ["y"],
};

/**
 * A causal piece of a sequence as a kernel: `before?`, `[batch, heads, headDim,
 * valueDim]`, is the state that the tokens before it have left; it has not paid yet
 * what it pays on arriving at the piece. `forward` is the state that the piece
 * leaves.
 */
export const DELTA_PIECE: Operation<"y" | "forward"> = {
  kernel: "LionDeltaPiece",
  gradientsIn: ["q", "k", "v", "beta", "f", "before"],
  outputs: ["y", "forward"],
};

/** Attributes of the kernels. */
export interface DeltaAttributes {
  /**
   * Whether each token attends only to itself and the tokens before it; then
   * there is no `b`.
   */
  readonly causal: boolean;
  /** Multiplies q · k of what is read. */
  readonly scale: number;
  /** Tokens per chunk, as planned by the kernel. */
  readonly chunkSize: number;
}

/** What a caller wants of a kernel. */
export interface DeltaRequest extends AttentionSizes {
  /** Whether each channel has a log decay of its own. */
  readonly diagonal: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Tokens a chunk; the kernel's choice if undefined. */
  readonly chunkSize: number | undefined;
}

/**
 * The current backend's plan.
 *
 * @param operation Of a whole sequence, or of a piece of one.
 */
export function planDelta(
  request: DeltaRequest,
  operation: typeof DELTA_ATTENTION | typeof DELTA_PIECE = DELTA_ATTENTION,
): KernelPlan | Refusal {
  return planKernel(operation, request) ??
    { refusal: "the backend has no kernel of the delta rule" };
}
