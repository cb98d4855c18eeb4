/** How the chunkwise kernels compute a problem, and what it costs. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { shapeFor } from "./attend.ts";
import { largestBuffer, sequenceBatches } from "../frame/sequence_batches.ts";
import { stateBytes, statesAreApart } from "./states.ts";
import {
  inLaunches,
  packingOf,
  refusalOf,
  tooLarge,
  tooManyChunks,
} from "../frame/planning.ts";
import { maskFor } from "./mask.ts";

/**
 * Plans a problem for a device.
 *
 * @param numbers The chunks' sizes, if nothing asks for fewer or forces more.
 */
export function planChunkwise(
  request: KernelRequest,
  device: Pick<GPUDevice, "limits" | "features">,
  numbers: WebGpuNumbers["chunkwise"],
): KernelPlan | Refusal {
  const { batch, heads, length, causal } = request;
  const { limits } = device;
  const refusal = refusalOf(request, device);
  if (refusal) return refusal;
  const decays = maskFor(request.decays || causal, causal);
  const memory = limits.maxComputeWorkgroupStorageSize;
  const fits = (size: number) =>
    decays === null ||
    shapeFor(size, request, memory, numbers.blockRows) !== undefined;
  const chunksOf = (size: number) => Math.ceil(length / size);
  const ofSequence = (size: number) =>
    stateBytes(request, decays) * chunksOf(size);
  const largest = largestBuffer(limits);

  // Where nothing decays, a chunk costs nothing but its state.
  const best = decays ? numbers.chunkSize : numbers.masklessChunkSize;
  let chunkSize = Math.min(request.chunkSize ?? best, length);
  while (chunkSize > 1 && !fits(chunkSize)) chunkSize--;
  if (!fits(chunkSize)) {
    return {
      refusal: `the adapter's ${memory} bytes of workgroup memory ` +
        `(maxComputeWorkgroupStorageSize) hold no chunk`,
      lacks: "maxComputeWorkgroupStorageSize",
    };
  }
  // States of long sequences fit in one buffer if the chunks are longer.
  while (
    request.chunkSize === undefined && chunkSize < length &&
    fits(2 * chunkSize) &&
    (ofSequence(chunkSize) > largest ||
      tooManyChunks(chunksOf(chunkSize), limits))
  ) chunkSize *= 2;
  const chunks = chunksOf(chunkSize);
  const crowded = tooManyChunks(chunks, limits);
  if (crowded) return crowded;
  const alone = decays !== null && chunks === 1;
  const bytes = alone ? 0 : ofSequence(chunkSize);
  const how = ` in chunks of ${chunkSize}`;
  const large = tooLarge("the states of a sequence take", bytes, limits, how);
  if (large) return large;
  const batches = sequenceBatches(batch * heads, bytes, limits);
  const packed = packingOf(request);
  const areApart = decays !== null && !request.states &&
    statesAreApart(chunks, batch * heads, numbers.chunksApart);
  const launches = alone ? 1 : chunks > 1 && !areApart ? 3 : 2;
  return {
    chunkSize,
    scratchBytes: packed.bytes + batches[0]!.sequences * bytes,
    how: inLaunches(
      batches.length * (launches + packed.launches),
    ),
  };
}
