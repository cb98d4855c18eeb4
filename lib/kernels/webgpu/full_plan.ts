/** What the kernels of the full and the blockwise form do with a problem. @module */
import { preparationFor } from "./preparation.ts";
import type { KernelRequest } from "../../attention/kernel.ts";
import type { KernelPlan, Refusal } from "../../contract/kernel.ts";
import { largestBuffer, passesOver, stateBytes } from "./passes.ts";
import {
  type Device,
  inLaunches,
  packingOf,
  refusalOf,
  tooManyChunks,
} from "./planning.ts";
import { DECAYS_OF_TILE, FACTORS_OF_TOKEN, maskQuads } from "./tile_decays.ts";

/**
 * Plans a problem for a device.
 *
 * @param request The problem; `chunkSize` is what a tile should have at most.
 * @param device Its limits and features.
 * @param rows Rows of a workgroup.
 * @returns What would run, or why nothing can.
 */
export function fullPlan(
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
  const decays = preparationFor(request.decays || causal, causal);
  const largest = largestBuffer(limits);
  const states = decays
    ? Math.ceil(length / rows) * stateBytes(request, decays)
    : 0;
  if (states > largest) {
    return {
      refusal: `the states of a sequence's gradients take ${states} bytes, ` +
        `more than the adapter's ${largest} (maxStorageBufferBindingSize)`,
    };
  }
  const packed = packingOf(request);
  const factors = decays
    ? 4 * sequences *
      ((FACTORS_OF_TOKEN + 4 * maskQuads(rows)) * length +
        DECAYS_OF_TILE * tiles)
    : 0;
  const passes = passesOver(sequences, 0, limits);
  return {
    chunkSize,
    scratchBytes: packed.bytes + factors,
    how: inLaunches(passes.length * ((decays ? 2 : 1) + packed.launches)),
  };
}
