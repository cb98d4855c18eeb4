/** How the kernels of the delta rule compute a problem, and what it costs. @module */
import type { DeltaRequest } from "../../../attention/planning/delta_kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  type DeltaLayout,
  LARGEST_CHUNK,
  layoutOf,
  recordSizes,
} from "./delta_chunks.ts";
import { LARGEST_HEAD_DIM } from "./delta_states.ts";
import {
  largestBuffer,
  type SequenceBatch,
  sequenceBatches,
} from "../frame/sequence_batches.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";

/** The layout of a problem. */
export function layoutFor(
  request: Omit<DeltaRequest, "batch" | "heads" | "diagonal">,
  numbers: WebGpuNumbers["delta"],
): DeltaLayout {
  const { length, headDim, valueDim, causal, chunkSize } = request;
  return layoutOf({
    length,
    headDim,
    valueDim,
    chunkSize: Math.min(chunkSize ?? numbers.chunkSize, LARGEST_CHUNK, length),
    directions: causal ? 1 : 2,
    inLanes: false,
  });
}

/** The sequences that run at once: those whose records fit, of each kind, in one buffer. */
export function batchesFor(
  layout: DeltaLayout,
  sequences: number,
  limits: GPUSupportedLimits,
): SequenceBatch[] {
  return sequenceBatches(sequences, largestBytes(layout), limits);
}

/** Bytes of a sequence's largest records. */
function largestBytes(layout: DeltaLayout): number {
  const { directions, chunks } = layout;
  const largest = Math.max(...Object.values(recordSizes(layout)));
  return 4 * directions * chunks * largest;
}

/**
 * Plans a problem for a device.
 *
 * @param request The problem.
 * @param limits Of the device.
 * @param numbers What the kernels are generated from.
 * @returns What would run, or why nothing can.
 */
export function planDeltaKernel(
  request: DeltaRequest,
  limits: GPUSupportedLimits,
  numbers: WebGpuNumbers["delta"],
): KernelPlan | Refusal {
  const refusal = tooWide({ headDim: request.headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const layout = layoutFor(request, numbers);
  const bytes = largestBytes(layout), most = largestBuffer(limits);
  if (bytes > most) {
    return {
      refusal: `what the chunks of a sequence hand on takes ${bytes} bytes, ` +
        `more than the adapter's ${most} (maxStorageBufferBindingSize)`,
    };
  }
  const { chunks, directions, chunkSize } = layout;
  const all = request.batch * request.heads;
  const batches = batchesFor(layout, all, limits);
  const floats = Object.values(recordSizes(layout))
    .reduce((sum, size) => sum + size);
  return {
    chunkSize,
    scratchBytes: 4 * batches[0]!.sequences * directions * chunks * floats,
    // For each batch systems and rows of each direction; for all sweeps the inverses,
    // the states and the outputs. Decays, of which the request does not say whether
    // there are any, are one more of each direction.
    how: inLaunches(batches.length * (2 * directions + 3)),
  };
}
