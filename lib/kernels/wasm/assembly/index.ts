// The WebAssembly module of LION's kernels.
export { extraBytes, prepare } from "./tasks";
export { open, run, serve } from "./threads";
export { timingBytes, wideAreFaster } from "./runtime/wide_simd";
