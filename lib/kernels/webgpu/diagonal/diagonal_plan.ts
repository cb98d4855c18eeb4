/** How the chunkwise kernels compute a problem with a decay per channel, and what it costs. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import { MOST_ROWS } from "../chunk_engine/outputs.ts";
import { layoutOf } from "../chunk_engine/chunk_layout.ts";
import {
  batchesFor,
  recordBytes,
  tooManyRecords,
} from "../chunk_engine/records.ts";
import { type Device, inLaunches, refusalOf } from "../frame/planning.ts";

/**
 * Plans a problem for a device.
 *
 * @param request The problem, of decays per channel.
 * @param device Its limits and features.
 * @param bestChunk Tokens of a chunk, if nothing asks for fewer.
 * @returns What would run, or why nothing can.
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
    ...{ rule: "add", decay: "diagonal", isPiece: request.states === true },
    ...{ length, headDim, valueDim, chunkSize, directions: causal ? 1 : 2 },
  });
  const { directions, stateQuads } = layout;
  const crowded = tooManyRecords(layout, limits);
  if (crowded) return crowded;
  const sequences = batch * heads;
  const batches = batchesFor(layout, sequences, limits);
  return {
    chunkSize,
    // Records of a batch, and all decays.
    scratchBytes: batches[0]!.sequences * recordBytes(layout).all +
      4 * directions * sequences * length * headDim,
    // The decays of each direction; in each batch operands and scores of each, the
    // states if there are any, and the outputs.
    how: inLaunches(
      directions +
        batches.length * (2 * directions + (stateQuads > 0 ? 2 : 0) + 1),
    ),
  };
}
