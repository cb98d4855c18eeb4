/** What a backend computes without the kernels of ours. @module */
import * as tf from "@tensorflow/tfjs-core";

/** What the names of our operations' kernels begin with. */
const OURS = "Lion";

/**
 * Runs some work in which operations of ours find no kernel on the current
 * backend, and so are made of TensorFlow.js's. Kernels that stand in the place
 * of TensorFlow.js's own, such as the matrix product, stay.
 *
 * @param work What to run; nothing else may compute meanwhile.
 */
export async function inPlainForms<Result>(
  work: () => Promise<Result>,
): Promise<Result> {
  const kernels = tf.getKernelsForBackend(tf.getBackend())
    .filter(({ kernelName }) => kernelName.startsWith(OURS));
  for (const { kernelName, backendName } of kernels) {
    tf.unregisterKernel(kernelName, backendName);
  }
  try {
    return await work();
  } finally {
    kernels.forEach((kernel) => tf.registerKernel(kernel));
  }
}
