/** Plans of the recurrent kernels, and their costs. @module */
import {
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";
import { type Direction, LARGEST_HEAD_DIM } from "./recurrent_forward.ts";

export function planRecurrent(
  request: KernelRequest,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, causal, precision } = request;
  if (request.diagonal) return refuseDiagonal("webgpu", "recurrent");
  if (precision === "f16") {
    return {
      refusal: "the webgpu kernel of the recurrent form computes in 32 bits",
    };
  }
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const isInPlace = completesInPlace(request);
  return {
    chunkSize: null,
    // The row sums of the forward sweep, which the backward sweep completes.
    scratchBytes: causal || isInPlace ? 0 : 4 * batch * heads * length,
    carriedBytes: 0,
    how: inLaunches(
      directionsOf(causal).length + (isInPlace && request.normalize ? 1 : 0),
    ),
  };
}

/**
 * Whether the last sweep completes the row sums in place and leaves the division to a
 * launch of its own: with decays and states, another buffer would be its ninth.
 */
export function completesInPlace(
  { states, decays, causal }: Pick<
    KernelRequest,
    "states" | "decays" | "causal"
  >,
): boolean {
  return states === true && decays && !causal;
}

/** The directions of a pass's sweeps, in the order in which they run. */
export function directionsOf(causal: boolean): Direction[] {
  return causal ? ["forward"] : ["forward", "backward"];
}
