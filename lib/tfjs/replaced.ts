/**
 * Registers our kernels and gradients in the place of TensorFlow.js 4.22.0's, from the
 * tables in `replaced`, which give the reasons.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import "./kernel/tape.ts";
import { replaceOptimizers } from "./optimizers/tfjs_optimizers.ts";
import type { BackendName } from "./backends/opened_backend.ts";
import { GRADIENTS } from "./replaced/gradients.ts";
import type { Replacement } from "./replaced/replacement.ts";
import type { StrictWebGPUBackend } from "./webgpu/gpu_backend.ts";
// Registers the gradients; ours must come after, and some are made of them.
import "@tensorflow/tfjs-layers";

for (const { gradient } of GRADIENTS) {
  const { kernelName } = gradient;
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  tf.registerGradient(gradient);
}

// A step of theirs runs a dozen kernels for each weight, and holds a copy of all weights
// and of what they keep beside them: Adam of a model with 86 million does not fit.
replaceOptimizers();

const replaced = new Set<string>();

/** The kernels of WebGPU that {@linkcode replaceKernels} registered, by what undoes them where they fail. */
export const UNDONE = new WeakMap<tf.KernelFunc, tf.KernelFunc>();

/** A kernel of several steps, which leaves nothing of the first if a later one fails. */
function undone(kernel: tf.KernelFunc): tf.KernelFunc {
  const own: tf.KernelFunc = (call) =>
    (call.backend as StrictWebGPUBackend).undoing(() => kernel(call));
  UNDONE.set(own, kernel);
  return own;
}

/** Registers a kernel in the place of another one of the same name. */
function register(config: tf.KernelConfig): void {
  const { kernelName, backendName } = config;
  if (tf.getKernel(kernelName, backendName)) {
    tf.unregisterKernel(kernelName, backendName);
  }
  tf.registerKernel(config);
}

/**
 * Replaces a backend's kernels by ours, once.
 *
 * @param table The rows of `replaced` for this backend, in the order in which they are
 * registered. A program loads only the tables of backends that it starts.
 */
export function replaceKernels<Context>(
  backend: BackendName,
  table: readonly Replacement<Context>[],
  context: Context,
): void {
  if (replaced.has(backend)) return;
  replaced.add(backend);
  for (const { kernels, by, when } of table) {
    if (when && !when(context)) continue;
    for (const name of kernels) {
      const stock = tf.getKernel(name, backend);
      // If tfjs has no such kernel, ours works without it.
      const before = stock?.kernelFunc as tf.KernelFunc;
      register({
        // A stock kernel's setup is also needed if we call its function.
        ...stock,
        kernelName: name,
        backendName: backend,
        kernelFunc: by(before, name, context),
      });
    }
  }
  if (backend !== "webgpu") return;
  for (const config of tf.getKernelsForBackend(backend)) {
    register({ ...config, kernelFunc: undone(config.kernelFunc) });
  }
}
