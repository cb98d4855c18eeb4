/** How the kernels of the full and the blockwise form compute a problem, and what it costs. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import { sequenceBatches } from "../frame/sequence_batches.ts";
import {
  type Device,
  inLaunches,
  packingOf,
  refusalOf,
  tooLarge,
  tooManyChunks,
} from "../frame/planning.ts";
import { maskFor } from "../chunkwise/mask.ts";
import { maskQuads, tileDecayBytes } from "./tile_decays.ts";

/**
 * Plans a problem for a device.
 *
 * @param request The problem; `chunkSize` is what a tile should have at most.
 */
export function planFull(
  request: KernelRequest,
  device: Device,
  rows: number,
): KernelPlan | Refusal {
  const refusal = refusalOf(request, device);
  if (refusal) return refusal;
  const { batch, heads, length, causal } = request;
  const { limits } = device;
  const sequences = batch * heads;
  const chunkSize = Math.min(request.chunkSize ?? rows, rows, length);
  const tiles = Math.ceil(length / chunkSize);
  const crowded = tooManyChunks(tiles, limits);
  if (crowded) return crowded;
  const decays = maskFor(request.decays || causal, causal);
  const masks = decays ? 16 * maskQuads(rows) * length : 0;
  const large = tooLarge("the masks of a sequence's tiles take", masks, limits);
  if (large) return large;
  const packed = packingOf(request);
  const batches = sequenceBatches(sequences, masks, limits);
  const ofSequence = decays ? tileDecayBytes(length, tiles, rows) : 0;
  const launches = packed.launches + (decays ? 2 : 1);
  return {
    chunkSize,
    scratchBytes: packed.bytes + batches[0]!.sequences * ofSequence,
    how: inLaunches(batches.length * launches),
  };
}
