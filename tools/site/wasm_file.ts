/** TensorFlow.js's WebAssembly, which lies beside a page. @module */

export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

/** Where it is on this machine. */
export const WASM = new URL(
  WASM_FILE,
  import.meta.resolve(
    "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
  ),
);
