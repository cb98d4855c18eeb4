// The exports of a module of kernels: of this module, and of each that has other jobs.
export { extraBytes, prepare } from "./tasks";
export { open, run, serve } from "./threads";
export { timingBytes, wideAreFaster } from "./runtime/wide_simd";
