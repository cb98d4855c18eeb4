/** Plans of the recurrent kernels, and their costs. @module */
import {
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";
import { type Direction, LARGEST_HEAD_DIM } from "./recurrent.ts";

/**
 * Plans a problem in the recurrent form for a device.
 *
 * @param request The problem.
 * @param limits The device's limits.
 * @returns What would run, or why nothing can.
 */
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
  // In a piece of a sequence, the backward sweep completes the row sums in place.
  const isPiece = request.states === true;
  const dividesApart = isPiece && !causal && request.normalize;
  return {
    chunkSize: null,
    // The row sums of the forward sweep, which the backward sweep completes.
    scratchBytes: causal || isPiece ? 0 : 4 * batch * heads * length,
    carriedBytes: 0,
    how: inLaunches(directionsOf(causal).length + (dividesApart ? 1 : 0)),
  };
}

/** The directions of a pass's sweeps, in the order in which they run. */
export function directionsOf(causal: boolean): Direction[] {
  return causal ? ["forward"] : ["forward", "backward"];
}
