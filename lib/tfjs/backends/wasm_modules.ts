/**
 * The modules that the wasm backend loads when it first starts, as one, since a bundler
 * makes several files of several imports, which are larger when compressed.
 *
 * @module
 */
export { loadWasm, openWasm } from "../wasm/wasm_backend.ts";
export { WASM } from "../replaced/wasm.ts";
export { registerOnWasm } from "./own_wasm_kernels.ts";
