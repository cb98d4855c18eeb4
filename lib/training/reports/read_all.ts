import * as tf from "@tensorflow/tfjs-core";

/** Milliseconds between reads of losses: each wait for a GPU costs milliseconds. */
export const MILLISECONDS_BETWEEN_READS = 250;

/**
 * Reads all tensors with one wait for the device, and disposes of them. It
 * yields to timers, signals and the progress display.
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
