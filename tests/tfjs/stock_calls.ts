/**
 * Counts the calls of TensorFlow.js's own kernels, also where ours call them. To be
 * imported before anything that starts a backend.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgpu";

const counts = new Map<string, number>();

const keyOf = (backend: string, kernel: string) => `${backend} ${kernel}`;

for (const backend of ["cpu", "wasm", "webgpu"]) {
  for (const config of tf.getKernelsForBackend(backend)) {
    const { kernelName, kernelFunc } = config;
    const key = keyOf(backend, kernelName);
    tf.unregisterKernel(kernelName, backend);
    tf.registerKernel({
      ...config,
      kernelFunc: (call) => {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return kernelFunc(call);
      },
    });
  }
}

/** How often a kernel of TensorFlow.js's has been called on a backend. */
export function stockCalls(backend: string, kernel: string): number {
  return counts.get(keyOf(backend, kernel)) ?? 0;
}
