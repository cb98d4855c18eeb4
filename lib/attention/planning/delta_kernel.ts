/**
 * The inputs, outputs and attributes of the delta rule's kernel, on backends
 * that have one.
 *
 * @module
 */
import { type Operation, planKernel } from "../../contract/kernel.ts";
import type { KernelPlan, Refusal } from "../../contract/kernel.ts";
import type { AttentionSizes } from "./kernel.ts";

/**
 * Inputs `q, k, v`, `beta` and the log decays of both directions `f?, b?`, each
 * with 1 or headDim columns; output `y`, in which each token's own contribution
 * counts once. All of them are 0 at padding.
 */
export const DELTA_ATTENTION: Operation<"y"> = {
  kernel: "LionDelta",
  gradientsIn: ["q", "k", "v", "beta", "f", "b"],
  outputs: ["y"],
};

/**
 * The kernel for a causal piece of a sequence: `before?`,
 * `[batch, heads, headDim, valueDim]`, is the state that earlier tokens left,
 * before it pays the decay of arriving at the piece; `forward` is the state
 * after the piece.
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
  /** Multiplies q · k in the output. */
  readonly scale: number;
  /** Tokens per chunk, as planned by the kernel. */
  readonly chunkSize: number;
}

/** What a caller asks of a kernel. */
export interface DeltaRequest extends AttentionSizes {
  /** Whether there is one log decay per channel. */
  readonly diagonal: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Tokens per chunk; if undefined, the kernel chooses. */
  readonly chunkSize: number | undefined;
}

/**
 * The current backend's plan.
 *
 * @param operation The kernel for a whole sequence, or for a piece of one.
 */
export function planDelta(
  request: DeltaRequest,
  operation: typeof DELTA_ATTENTION | typeof DELTA_PIECE = DELTA_ATTENTION,
): KernelPlan | Refusal {
  return planKernel(operation, request) ??
    { refusal: "the backend has no kernel of the delta rule" };
}
