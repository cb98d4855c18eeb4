/** The limits of backends and devices. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Refusal } from "./kernel.ts";

/** The largest tensor in bytes that one binding of the current backend can hold. */
export function largestTensorBytes(): number {
  const { device } = tf.backend() as { device?: GPUDevice };
  // The wasm32 heap addresses 4 GiB, and a result needs room besides its
  // inputs.
  if (tf.getBackend() === "wasm") return 2 ** 30;
  return device?.limits.maxStorageBufferBindingSize ?? Infinity;
}

/** The bytes that the current backend can have in use at once, as far as that is known. */
export function mostBytes(): number {
  return tf.getBackend() === "wasm" ? 2 ** 32 : Infinity;
}

/**
 * The bytes that the current backend has taken, with those that are free for the next
 * tensors: on WebGPU all of its buffers, on WebAssembly its memory, on cpu the tensors.
 */
export function heldBytes(): number {
  const memory = tf.memory() as tf.MemoryInfo & {
    readonly numBytesAllocatedInGPU?: number;
  };
  const { wasm } = tf.backend() as { wasm?: { HEAPU8: Uint8Array } };
  return memory.numBytesAllocatedInGPU ?? wasm?.HEAPU8.buffer.byteLength ??
    memory.numBytes;
}

/** The numeric limits of a device or an adapter; they are getters, not own properties. */
export function limitsOf(
  { limits }: { limits: GPUSupportedLimits },
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const limit: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof limit === "number") found[name] = limit;
  }
  return found;
}

/** The size in bytes of the largest buffer that a device's shaders can bind. */
export function largestBuffer(limits: GPUSupportedLimits): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/**
 * Refuses what takes more bytes than a buffer has room for.
 *
 * @param what What takes the bytes, with the verb.
 * @param how In what way, if it could be another.
 */
export function tooLarge(
  what: string,
  bytes: number,
  limits: GPUSupportedLimits,
  how: string = "",
): Refusal | undefined {
  const most = largestBuffer(limits);
  if (bytes <= most) return undefined;
  return {
    refusal: `${what} ${bytes} bytes${how}, more than the adapter's ${most} ` +
      `(maxStorageBufferBindingSize)`,
    lacks: "maxStorageBufferBindingSize",
  };
}
