/** How the chunkwise kernels compute a problem with a decay per channel, and what it costs. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import {
  DIAGONAL_BUFFERS,
  type DiagonalBuffer,
  type Sizes,
} from "../chunkwise/diagonal_layout.ts";
import { channelDecays } from "./diagonal_operands.ts";
import { largestBuffer, sequenceBatches } from "../frame/sequence_batches.ts";
import { stateBytes } from "../chunkwise/states.ts";
import {
  type Device,
  inLaunches,
  packingOf,
  refusalOf,
  tooManyChunks,
} from "../frame/planning.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

/** Most tokens a chunk: scores grow with it, and a thread walks through all of it. */
const LARGEST_CHUNK = 256;

/** The buffers of the forward pass. */
export const FORWARD_BUFFERS: readonly DiagonalBuffer[] = [
  "queries",
  "keys",
  "logs",
  "through",
  "scores",
];

/** Bytes that a sequence takes of the largest buffer, and of those of the forward pass. */
export function bytesOf(
  sizes: Sizes,
  chunks: DiagonalChunks,
): { largest: number; forward: number } {
  const bytes = (name: DiagonalBuffer) =>
    16 * DIAGONAL_BUFFERS[name](sizes, chunks);
  const names = Object.keys(DIAGONAL_BUFFERS) as DiagonalBuffer[];
  return {
    largest: Math.max(...names.map(bytes)),
    forward: FORWARD_BUFFERS.reduce((sum, name) => sum + bytes(name), 0),
  };
}

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
  const { batch, heads, length, causal } = request;
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
    LARGEST_CHUNK,
    length,
  );
  const count = Math.ceil(length / chunkSize);
  const crowded = tooManyChunks(count, limits);
  if (crowded) return crowded;
  const chunks = { causal };
  const rows = bytesOf({ ...request, chunkSize, chunks: count }, chunks);
  const hasStates = count > 1 || request.states === true;
  const states = hasStates
    ? count * stateBytes(request, channelDecays(chunks))
    : 0;
  const largest = Math.max(rows.largest, states);
  if (largest > largestBuffer(limits)) {
    return {
      refusal:
        `the decayed rows or the states of a sequence take ${largest} bytes, ` +
        `more than the adapter's ${largestBuffer(limits)} ` +
        `(maxStorageBufferBindingSize)`,
    };
  }
  const batches = sequenceBatches(batch * heads, largest, limits);
  const packed = packingOf(request);
  return {
    chunkSize,
    scratchBytes: packed.bytes +
      batches[0]!.sequences * (rows.forward + states),
    how: inLaunches(batches.length * ((hasStates ? 5 : 3) + packed.launches)),
  };
}
