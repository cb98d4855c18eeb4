/**
 * The kernels of operations of this package: the updates of optimizers, and the
 * gradient of softmax.
 *
 * @module
 */
import type { KernelHost } from "./wasm/host.ts";
import { registerUpdate as registerWasmUpdate } from "./wasm/optimizers/update.ts";
import { registerSoftmaxGradient } from "./wasm/reductions/softmax_gradient.ts";
import { registerUpdate as registerGpuUpdate } from "./webgpu/optimizers/update.ts";

/** Registers them for the wasm backend. */
export function registerOnWasm(host: KernelHost): void {
  registerWasmUpdate(host);
  registerSoftmaxGradient(host);
}

/** Registers them for the webgpu backend. */
export function registerOnWebGpu(): void {
  registerGpuUpdate();
}
