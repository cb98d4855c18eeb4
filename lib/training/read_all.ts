import * as tf from "@tensorflow/tfjs-core";

/** How often it is worth it: each wait for a GPU costs milliseconds. */
export const MILLISECONDS_BETWEEN_READS = 250;

/**
 * Waits for the device once, for all tensors, and frees them. Lets timers,
 * signals and the progress have their turn.
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
