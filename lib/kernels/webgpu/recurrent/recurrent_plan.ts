/** How the recurrent kernels compute a problem, and what it costs. @module */
import {
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import { largestBuffer } from "../frame/sequence_batches.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";
import { type Direction, LARGEST_HEAD_DIM } from "./recurrent.ts";
import { keptBytes } from "./recurrent_gradient.ts";

/**
 * Plans a problem for a device.
 *
 * @param request The problem.
 * @param limits Of the device.
 * @returns What would run, or why nothing can.
 */
export function planFor(
  request: KernelRequest,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim, causal, precision } =
    request;
  if (request.diagonal) return refuseDiagonal("webgpu", "recurrent");
  if (precision === "f16") {
    return {
      refusal: "the webgpu kernel of the recurrent form computes in 32 bits",
    };
  }
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const bytes = keptBytes(length, headDim, valueDim);
  if (bytes > largestBuffer(limits)) {
    return {
      refusal:
        `the states that the gradient of a sequence keeps take ${bytes} ` +
        `bytes, more than the adapter's ${largestBuffer(limits)} ` +
        `(maxStorageBufferBindingSize)`,
    };
  }
  return {
    chunkSize: null,
    // The forward sweep's row sums.
    scratchBytes: causal ? 0 : 4 * batch * heads * length,
    carriedBytes: 0,
    how: inLaunches(directionsOf(causal).length),
  };
}

/** The sweeps of a pass, in this order. */
export function directionsOf(causal: boolean): Direction[] {
  return causal ? ["forward"] : ["forward", "backward"];
}
