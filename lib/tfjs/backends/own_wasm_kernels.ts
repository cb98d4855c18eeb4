/**
 * The kernels of this package's own operations: the updates of optimizers, and the
 * gradient of softmax.
 *
 * @module
 */
import type { KernelHost } from "../wasm/host.ts";
import { registerUpdate } from "../wasm/optimizers/update.ts";
import { registerSoftmaxGradient } from "../wasm/reductions/softmax_gradient.ts";

/** Registers the kernels on a host. */
export function registerOnWasm(host: KernelHost): void {
  registerUpdate(host);
  registerSoftmaxGradient(host);
}
