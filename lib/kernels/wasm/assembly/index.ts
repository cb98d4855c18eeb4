// The WebAssembly module of LION's kernels.
export { extraBytes, open, prepare, run, serve } from "./threads";
