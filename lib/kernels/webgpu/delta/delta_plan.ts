/** Plans of the delta rule's kernels, and their costs. @module */
import type { DeltaRequest } from "../../../attention/planning/delta_kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  type ChunkSizes,
  LARGEST_CHUNK,
  layoutOf,
} from "../chunk_engine/chunk_layout.ts";
import {
  batchesFor,
  recordBytes,
  tooManyRecords,
} from "../chunk_engine/records.ts";
import { LARGEST_HEAD_DIM } from "./delta_states.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";

/** The tuning from which the delta rule's kernels are generated. */
export type DeltaNumbers = Pick<WebGpuNumbers["delta"], "chunkSize">;

/** The chunks and directions into which a problem of the delta rule is divided. */
export function deltaSizes(
  { causal, length, chunkSize }: Pick<
    DeltaRequest,
    "causal" | "length" | "chunkSize"
  >,
  numbers: DeltaNumbers,
): Pick<ChunkSizes, "rule" | "chunkSize" | "directions"> {
  return {
    rule: "delta",
    chunkSize: Math.min(chunkSize ?? numbers.chunkSize, LARGEST_CHUNK, length),
    directions: causal ? 1 : 2,
  };
}

export function planDeltaKernel(
  request: DeltaRequest,
  limits: GPUSupportedLimits,
  numbers: DeltaNumbers,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim } = request;
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const layout = layoutOf({
    ...deltaSizes(request, numbers),
    ...{ length, headDim, valueDim, withStates: false },
    // The sizes of records do not depend on the decay.
    decay: "none",
  });
  const crowded = tooManyRecords(layout, limits);
  if (crowded) return crowded;
  const batches = batchesFor(layout, batch * heads, limits);
  return {
    chunkSize: layout.chunkSize,
    scratchBytes: batches[0]!.sequences * recordBytes(layout).all,
    // In each batch, operands, scores and W take one launch per direction each; inverses,
    // states and outputs take one each for all sweeps. Decays would take one more per
    // direction, but the request does not say whether there are any.
    how: inLaunches(batches.length * (3 * layout.directions + 3)),
  };
}
