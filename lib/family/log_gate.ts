/** Conversion of gates to log decays. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The logarithm of a gate from 0 to 1. A gate of 0 becomes 1e-30, which makes
 * no difference to a sum in float32, and whose logarithm has a finite gradient.
 *
 * The gradient of a gate g is that of its logarithm divided by g, and so are
 * its rounding errors: they are large where g is tiny, until the gradient of
 * the sigmoid before the gate multiplies them by g again.
 */
export function logGate<T extends tf.Tensor>(gate: T): T {
  return tf.log(tf.maximum(gate, 1e-30)) as T;
}
