/** Plans of the chunkwise kernels with diagonal decays, and their costs. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import { MOST_ROWS } from "../chunk_engine/outputs.ts";
import { layoutOf } from "../chunk_engine/chunk_layout.ts";
import {
  batchesFor,
  recordBytes,
  tooManyRecords,
} from "../chunk_engine/records.ts";
import { type Device, inLaunches, refusalOf } from "../frame/planning.ts";

/**
 * Plans a problem with diagonal decays for a device.
 *
 * @param bestChunk Tokens of a chunk, unless the request gives a size.
 */
export function planDiagonal(
  request: KernelRequest,
  device: Device,
  bestChunk: number,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim, causal } = request;
  const { limits } = device;
  if (request.precision === "f16") {
    return {
      refusal:
        "the webgpu kernel of decays of each channel computes in 32 bits",
    };
  }
  const refusal = refusalOf(request, device);
  if (refusal) return refusal;
  const chunkSize = Math.min(
    request.chunkSize ?? bestChunk,
    MOST_ROWS,
    length,
  );
  const layout = layoutOf({
    ...{ rule: "add", decay: "diagonal", withStates: request.states === true },
    ...{ length, headDim, valueDim, chunkSize, directions: causal ? 1 : 2 },
  });
  const { directions, stateQuads } = layout;
  const crowded = tooManyRecords(layout, limits);
  if (crowded) return crowded;
  const sequences = batch * heads;
  const batches = batchesFor(layout, sequences, limits);
  return {
    chunkSize,
    // The records of one batch, and the decays of all sequences.
    scratchBytes: batches[0]!.sequences * recordBytes(layout).all +
      4 * directions * sequences * length * headDim,
    // One launch for each direction's decays; then in each batch two for each direction's
    // operands and scores, two for the states if there are any, and one for the outputs.
    how: inLaunches(
      directions +
        batches.length * (2 * directions + (stateQuads > 0 ? 2 : 0) + 1),
    ),
  };
}
