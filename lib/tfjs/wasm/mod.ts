/**
 * The host of a kernel on WebAssembly: jobs on all threads, in TensorFlow.js's own memory.
 *
 * @module
 */
export { addressOf } from "./address.ts";
export { type BuiltModule, loadModule } from "./binary.ts";
export { functionKernel } from "./elementwise/elementwise.ts";
export type { KernelHost } from "./host.ts";
export {
  addresses,
  type Fields,
  floats,
  integers,
  type Jobs,
  jobsOf,
  type Numbers,
} from "./job.ts";
export { GELU_JOB, REDUCE_JOB, REDUCTIONS } from "./jobs.ts";
export {
  type Call,
  type Kernel,
  OPERATIONS_A_COPY,
  OPERATIONS_AN_ELEMENT,
  OPERATIONS_AN_EXPONENTIAL,
  registerJob,
  registerWasmKernel,
  type Tensors,
} from "./kernel.ts";
export { matmul } from "./matmul.ts";
export { replacing } from "./outputs.ts";
export type { OpenedWasm } from "./wasm_backend.ts";
