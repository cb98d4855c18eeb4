/** What the chunkwise kernels do with a problem, and what that takes. @module */
import type {
  KernelPlan,
  KernelRequest,
  Refusal,
} from "../../attention/kernel.ts";
import { shapeFor } from "./attend_shape.ts";
import {
  isPacked,
  largestBuffer,
  maskOf,
  passesOver,
  stateBytes,
} from "./passes.ts";
import { quadsOf } from "./vectors.ts";

/** Largest headDim and valueDim: a workgroup's threads must cover a row. */
const LARGEST_DIM = 128;
/** Tokens a chunk, if nothing asks for fewer or forces more. */
const BEST_CHUNK = 64;
/** The same where there is no mask, and a chunk costs nothing but its state. */
const BEST_MASKLESS_CHUNK = 256;
/** Storage buffers of the shader that has most, that of dk and dv. */
const STORAGE_BUFFERS = 10;

/**
 * Plans a problem for a device.
 *
 * @param request The problem.
 * @param device Its limits and features.
 * @returns What would run, or why nothing can.
 */
export function planFor(
  request: KernelRequest,
  device: Pick<GPUDevice, "limits" | "features">,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim, causal } = request;
  const { limits } = device;
  for (const [name, size] of Object.entries({ headDim, valueDim })) {
    if (size <= LARGEST_DIM) continue;
    return {
      refusal: `${name} is ${size}, and the webgpu kernel takes at most ` +
        `${LARGEST_DIM}`,
    };
  }
  const half = request.precision === "f16";
  if (half && !device.features.has("shader-f16")) {
    return { refusal: "the adapter has no feature shader-f16" };
  }
  if (limits.maxStorageBuffersPerShaderStage < STORAGE_BUFFERS) {
    return {
      refusal: `the adapter binds ${limits.maxStorageBuffersPerShaderStage} ` +
        `storage buffers (maxStorageBuffersPerShaderStage), and the webgpu ` +
        `kernel needs ${STORAGE_BUFFERS}`,
    };
  }
  const mask = maskOf(request.decays || causal, causal);
  const memory = limits.maxComputeWorkgroupStorageSize;
  const fits = (size: number) =>
    mask === null || shapeFor(size, request, memory) !== undefined;
  const chunksOf = (size: number) => Math.ceil(length / size);
  const ofSequence = (size: number) =>
    stateBytes(request, mask) * chunksOf(size);
  const largest = largestBuffer(limits);
  const most = limits.maxComputeWorkgroupsPerDimension;

  const best = mask ? BEST_CHUNK : BEST_MASKLESS_CHUNK;
  let chunkSize = Math.min(request.chunkSize ?? best, length);
  while (chunkSize > 1 && !fits(chunkSize)) chunkSize--;
  if (!fits(chunkSize)) {
    return {
      refusal: `the adapter's ${memory} bytes of workgroup memory ` +
        `(maxComputeWorkgroupStorageSize) hold no chunk`,
    };
  }
  // States of long sequences fit in one buffer if the chunks are longer.
  while (
    request.chunkSize === undefined && chunkSize < length &&
    fits(2 * chunkSize) &&
    (ofSequence(chunkSize) > largest || chunksOf(chunkSize) > most)
  ) chunkSize *= 2;
  const chunks = chunksOf(chunkSize);
  if (chunks > most) {
    return {
      refusal: `a sequence has ${chunks} chunks, more than the adapter's ` +
        `${most} workgroups (maxComputeWorkgroupsPerDimension)`,
    };
  }
  const alone = mask !== null && chunks === 1;
  if (!alone && ofSequence(chunkSize) > largest) {
    return {
      refusal: `the states of a sequence take ${ofSequence(chunkSize)} bytes ` +
        `in chunks of ${chunkSize}, more than the adapter's ${largest} ` +
        `(maxStorageBufferBindingSize)`,
    };
  }
  const tokens = batch * heads * length;
  const gradients = 16 * tokens * quadsOf("sum", request);
  if (gradients > largest) {
    return {
      refusal: `the gradients of the sums take ${gradients} bytes, more than ` +
        `the adapter's ${largest} (maxStorageBufferBindingSize)`,
    };
  }
  const bytes = alone ? 0 : ofSequence(chunkSize);
  const passes = passesOver(batch * heads, bytes, limits);
  const packed = (["key", "key", "value"] as const)
    .filter((columns) => isPacked(columns, request, half));
  const launches = passes.length *
    ((alone ? 1 : chunks > 1 ? 3 : 2) + packed.length);
  return {
    chunkSize,
    scratchBytes: packed.reduce(
      (sum, columns) =>
        sum + tokens * quadsOf(columns, request) * (half ? 8 : 16),
      passes[0]!.sequences * bytes,
    ),
    how: `webgpu, ${launches} ${launches === 1 ? "launch" : "launches"}`,
  };
}
