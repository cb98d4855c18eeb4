/**
 * Memory of tfjs-wasm: alignment of tensors, errors when it runs out, and how
 * much of it is in use.
 *
 * @module
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { align, ALIGNMENT } from "./queue.ts";

/** The part of the emscripten module that has the memory; its type lacks it. */
interface Allocator {
  _malloc: (bytes: number) => number;
  _free: (address: number) => void;
  HEAPU8: Uint8Array;
}

/** The use of a module's memory. */
export interface HeapUse {
  /** Bytes requested and not yet freed, without those that alignment adds. */
  bytes: number;
  /** Called after each allocation. @default nothing */
  onGrowth?: (() => void) | undefined;
}

/**
 * Aligns tensors to cache lines. Emscripten does not, and every second 256-bit
 * vector then spans two lines, which takes two loads.
 *
 * tfjs-wasm uses the result of a failed allocation as an address, and
 * overwrites what is there. Here it is an error.
 *
 * @param backend The backend, once it is initialised.
 * @returns The memory's use, kept up to date.
 */
export function guardAllocations(backend: BackendWasm): HeapUse {
  const module = backend.wasm as unknown as Allocator;
  // emscripten's functions are stubs that replace themselves when first called.
  module._free(module._malloc(1));
  const { _malloc: allocate, _free: free } = module;
  const use: HeapUse = { bytes: 0 };
  /** The allocated block of each address, which may start before it. */
  const blocks = new Map<number, { block: number; bytes: number }>();
  module._malloc = (bytes) => {
    // Tensors shorter than a line are not worth aligning.
    const isAligned = bytes >= ALIGNMENT;
    const wanted = isAligned ? bytes + ALIGNMENT : bytes;
    const block = allocate(wanted) >>> 0;
    // Near 4 GiB, emscripten also returns blocks that end beyond the memory. The
    // length of an array is not asked: V8 has compiled this into code that took one
    // above 2 GiB for less than it is.
    const { byteLength } = module.HEAPU8.buffer;
    if (bytes > 0 && (block === 0 || block + wanted > byteLength)) {
      throw new RangeError(
        `WebAssembly has no ${bytes} bytes left of the 4 GiB that it can ` +
          `address; dispose of tensors, use smaller ones, or, for attention, ` +
          `form: "chunkwise", and in training smaller batches or gradientCheckpointing: true`,
      );
    }
    const address = isAligned ? align(block) : block;
    if (bytes > 0) blocks.set(address, { block, bytes });
    use.bytes += bytes;
    use.onGrowth?.();
    return address;
  };
  module._free = (address) => {
    const known = blocks.get(address >>> 0);
    blocks.delete(address >>> 0);
    use.bytes -= known?.bytes ?? 0;
    free(known?.block ?? address);
  };
  return use;
}
