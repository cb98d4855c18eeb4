/** Memory of tfjs-wasm, and what there is when there is none. @module */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/**
 * tfjs-wasm takes what a failed allocation returns for an address, and writes
 * over what lies there. Here it is an error.
 *
 * @param backend The backend, once it is initialised.
 */
export function guardAllocations(backend: BackendWasm): void {
  // The emscripten module has it, and its type has not.
  const module = backend.wasm as unknown as {
    _malloc: (bytes: number) => number;
    _free: (address: number) => void;
    HEAPU8: Uint8Array;
  };
  // emscripten puts a stub there that replaces itself when it is first called.
  module._free(module._malloc(1));
  const allocate = module._malloc;
  module._malloc = (bytes) => {
    const address = allocate(bytes);
    // Near 4 GiB it also answers with addresses whose end lies beyond.
    const end = (address >>> 0) + bytes;
    if (bytes > 0 && (address === 0 || end > module.HEAPU8.length)) {
      throw new RangeError(
        `WebAssembly has no ${bytes} bytes left of the 4 GiB that it can ` +
          `address; dispose of tensors, use smaller ones, or, for attention, ` +
          `form: "chunkwise"`,
      );
    }
    return address;
  };
}
