/** Limits, refusals and costs that the plans of all forms have in common. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import { type Refusal, tooLarge } from "@lionjs/tfjs/kernel";
import { cotangentNumbers } from "./cotangents.ts";
import { needsVec4Copy } from "./attention_call.ts";
import { vecsOf } from "./vectors.ts";

/** Largest headDim and valueDim: a workgroup's threads must cover a row. */
const LARGEST_DIM = 128;
/** The most storage buffers that any shader binds: as many as WebGPU guarantees. */
const STORAGE_BUFFERS = 8;

export type Device = Pick<GPUDevice, "limits" | "features">;

/** Refuses a problem that no kernel can compute on a device. */
export function refusalOf(
  request: KernelRequest,
  device: Device,
): Refusal | undefined {
  const { batch, heads, length, headDim, valueDim } = request;
  const { limits } = device;
  const wide = tooWide({ headDim, valueDim }, LARGEST_DIM);
  if (wide) return wide;
  const half = request.precision === "f16";
  if (half && !device.features.has("shader-f16")) {
    return { refusal: "the adapter has no feature shader-f16" };
  }
  const unbound = tooFewBuffers(limits);
  if (unbound) return unbound;
  // Decays of each channel are in no chunk's mask, and lie elsewhere.
  const hasMask = (request.decays || request.causal) && !request.diagonal;
  const directions = hasMask ? request.causal ? 1 : 2 : 0;
  const numbers = cotangentNumbers(
    batch * heads * length,
    { headDim, valueDim },
    directions,
  );
  return tooLarge("the gradients of the sums take", 4 * numbers, limits);
}

/** Refuses heads with more columns than a kernel takes. */
export function tooWide(
  dims: Readonly<Record<string, number>>,
  most: number,
): Refusal | undefined {
  for (const [name, size] of Object.entries(dims)) {
    if (size <= most) continue;
    return {
      refusal:
        `${name} is ${size}, and the webgpu kernel takes at most ${most}`,
    };
  }
  return undefined;
}

/** Refuses an adapter that binds fewer buffers than WebGPU guarantees. */
export function tooFewBuffers(limits: GPUSupportedLimits): Refusal | undefined {
  if (limits.maxStorageBuffersPerShaderStage >= STORAGE_BUFFERS) {
    return undefined;
  }
  return {
    refusal: `the adapter binds ${limits.maxStorageBuffersPerShaderStage} ` +
      `storage buffers (maxStorageBuffersPerShaderStage), and the webgpu ` +
      `kernel needs ${STORAGE_BUFFERS}`,
    lacks: "maxStorageBuffersPerShaderStage",
  };
}

/** Refuses a sequence with more chunks than a device can launch workgroups. */
export function tooManyChunks(
  chunks: number,
  limits: GPUSupportedLimits,
): Refusal | undefined {
  const most = limits.maxComputeWorkgroupsPerDimension;
  if (chunks > most) {
    return {
      refusal: `a sequence has ${chunks} chunks, more than the adapter's ` +
        `${most} workgroups (maxComputeWorkgroupsPerDimension)`,
      lacks: "maxComputeWorkgroupsPerDimension",
    };
  }
  return undefined;
}

/**
 * The launches and bytes needed to copy inputs to vectors of a multiple of four columns,
 * in the requested precision.
 */
export function vec4CopiesOf(
  request: KernelRequest,
): { launches: number; bytes: number } {
  const { batch, heads, length } = request;
  const half = request.precision === "f16";
  const copies = (["key", "key", "value"] as const)
    .filter((columns) => needsVec4Copy({ columns, half }, request));
  const vecs = copies.reduce((sum, name) => sum + vecsOf(name, request), 0);
  return {
    launches: copies.length,
    bytes: batch * heads * length * vecs * (half ? 8 : 16),
  };
}

/** A plan's description of how it runs: on WebGPU, in the given number of launches. */
export function inLaunches(launches: number): string {
  return `webgpu, ${launches} ${launches === 1 ? "launch" : "launches"}`;
}
