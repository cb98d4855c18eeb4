/**
 * TensorFlow.js on all processors, with errors instead of zeros: backends whose kernels
 * are ours, operations with kernels and gradients of your own, functions that are
 * recorded and replayed, and optimizers that change all weights at once. It needs nothing
 * of LION's.
 *
 * @example The gradient of a convolution, in WebAssembly
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openBackend } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await openBackend("wasm");
 * const images = tf.ones<tf.Rank.R4>([1, 4, 4, 1]);
 * const convolve = (filter: tf.Tensor) =>
 *   tf.conv2d(images, filter as tf.Tensor4D, 1, "valid");
 * const gradient = tf.grad(convolve)(tf.ones([3, 3, 1, 1]));
 * assertEquals(new Set(await gradient.data()), new Set([4]));
 * ```
 *
 * @module
 */
export { closeBackend, openBackend } from "./open_backend.ts";
export type { BackendName } from "./backends/opened_backend.ts";
export { GpuError } from "./webgpu/gpu_error.ts";
export {
  hasKernel,
  type Kernels,
  type Operation,
  registerKernels,
  runKernel,
} from "./kernel/kernel.ts";
export { replayed } from "./replayed.ts";
export { Adam, type AdamOptions } from "./optimizers/adam.ts";
