import * as tf from "@tensorflow/tfjs-core";

/** How often to read: each wait for a GPU costs milliseconds. */
export const MILLISECONDS_BETWEEN_READS = 250;

/**
 * Reads all tensors with one wait for the device, and disposes of them. Lets
 * timers, signals and the progress display run.
 */
export async function readAll(tensors: tf.Tensor[]): Promise<number[][]> {
  try {
    const values = await Promise.all(tensors.map((tensor) => tensor.data()));
    await new Promise((resolve) => setTimeout(resolve));
    return values.map((value) => [...value]);
  } finally {
    tf.dispose(tensors);
  }
}
