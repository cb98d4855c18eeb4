/**
 * The parts of a kernel on WebGPU: programs in WGSL, launched on TensorFlow.js's own
 * device.
 *
 * @module
 */
export { columnSums } from "./column_sum.ts";
export { type ElementwiseProgram, runElementwise } from "./elementwise.ts";
export { elementwiseKernel } from "./elementwise_kernel.ts";
export { exponential } from "./exponential.ts";
export { reading, writing } from "./functions/columns.ts";
export { LOG_OF_ONE_PLUS, SIGMOID } from "./functions/logistic.ts";
export { PACKS } from "./functions/packs.ts";
export { ROW_THREADS, rowProgram } from "./functions/rows.ts";
export {
  type Call,
  type FusedKernel,
  registerFusedKernel,
} from "./fused_kernel.ts";
export type { StrictWebGPUBackend } from "./gpu_backend.ts";
export {
  makeFloats,
  type PackWidth,
  type Program,
  runProgram,
  type Tensors,
  widthOf,
} from "./program.ts";
export { type Binding, repeat } from "./shader.ts";
export type { Subgroups } from "./subgroups.ts";
export { type Constants, declareConstants, instance } from "./wgsl.ts";
