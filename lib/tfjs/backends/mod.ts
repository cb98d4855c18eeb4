/**
 * How a backend of TensorFlow.js is started, for packages that install kernels in it.
 *
 * @module
 */
export { MODULES } from "./activate.ts";
export { adapterName, type DescribedAdapter } from "./adapter.ts";
export { Unavailable, warnOfFallback, warnOfShortage } from "./fallback.ts";
export { assertOpenOptions } from "./open_options.ts";
export type {
  BackendName,
  OpenedBackend,
  OpenOptions,
  StartedBackend,
} from "./opened_backend.ts";
export { release } from "./release.ts";
export { startCpu } from "./start_cpu.ts";
export { runningWasm, startWasm } from "./start_wasm.ts";
export { findAdapter, startWebGpu } from "./start_webgpu.ts";
export { inTurn, type Turn } from "./turns.ts";
export { GpuError } from "../webgpu/gpu_error.ts";
