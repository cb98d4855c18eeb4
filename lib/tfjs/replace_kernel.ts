import * as tf from "@tensorflow/tfjs-core";

/**
 * Registers a kernel in the place of tfjs's own, if it has one.
 *
 * @param backendName The backend.
 * @param kernelName The kernel.
 * @param kernelFunc What to run from now on.
 * @param more More of its configuration.
 */
export function replaceKernel(
  backendName: string,
  kernelName: string,
  kernelFunc: tf.KernelFunc,
  more: object = {},
): void {
  const stock = tf.getKernel(kernelName, backendName);
  if (stock) tf.unregisterKernel(kernelName, backendName);
  // What a stock kernel sets up is also what its function needs, if we call it.
  tf.registerKernel({ ...stock, ...more, kernelName, backendName, kernelFunc });
}
