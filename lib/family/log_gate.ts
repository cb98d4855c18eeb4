/** Gates as log decays. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The logarithm of a gate between 0 and 1. A gate of 0 becomes one of 1e-30,
 * which no sum in float32 can tell from it, and whose logarithm has a gradient.
 *
 * The gradient in a gate g is that in its logarithm, divided by g, and so are
 * its rounding errors: they are large where g is tiny, until the gradient of the
 * sigmoid that made the gate multiplies them by g again.
 */
export function logGate<T extends tf.Tensor>(gate: T): T {
  return tf.log(tf.maximum(gate, 1e-30)) as T;
}
