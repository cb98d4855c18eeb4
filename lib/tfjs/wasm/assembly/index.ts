// What a module of kernels exports: this one, and each that has other jobs.
export { extraBytes, prepare } from "./tasks";
export { open, run, serve } from "./threads";
export { timingBytes, wideAreFaster } from "./runtime/wide_simd";
