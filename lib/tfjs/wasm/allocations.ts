/**
 * Memory of tfjs-wasm: alignment of tensors, and errors when it runs out.
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

/**
 * Aligns tensors to cache lines. Emscripten does not, and every second 256-bit
 * vector then spans two lines, which takes two loads.
 *
 * tfjs-wasm uses the result of a failed allocation as an address, and
 * overwrites what is there. Here it is an error.
 *
 * @param backend The backend, once it is initialised.
 */
export function guardAllocations(backend: BackendWasm): void {
  const module = backend.wasm as unknown as Allocator;
  // emscripten puts a stub there that replaces itself when it is first called.
  module._free(module._malloc(1));
  const { _malloc: allocate, _free: free } = module;
  /** The allocated block of each address that starts later. */
  const blocks = new Map<number, number>();
  module._malloc = (bytes) => {
    // Tensors shorter than a line are not worth aligning.
    const isAligned = bytes >= ALIGNMENT;
    const wanted = isAligned ? bytes + ALIGNMENT : bytes;
    const block = allocate(wanted) >>> 0;
    // Near 4 GiB, it also returns addresses whose end is beyond.
    if (bytes > 0 && (block === 0 || block + wanted > module.HEAPU8.length)) {
      throw new RangeError(
        `WebAssembly has no ${bytes} bytes left of the 4 GiB that it can ` +
          `address; dispose of tensors, use smaller ones, or, for attention, ` +
          `form: "chunkwise"`,
      );
    }
    const address = isAligned ? align(block) : block;
    if (address !== block) blocks.set(address, block);
    return address;
  };
  module._free = (address) => {
    const block = blocks.get(address >>> 0);
    blocks.delete(address >>> 0);
    free(block ?? address);
  };
}
