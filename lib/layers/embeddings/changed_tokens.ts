/** Changes of the vectors that tokens have, before anything is added to them. @module */
import type * as tf from "@tensorflow/tfjs-core";

let change: ((x: tf.Tensor3D) => tf.Tensor3D) | undefined;

/**
 * Changes the vectors of tokens, `[batch, length, dim]`, that embeddings look up
 * meanwhile, as they come from the table.
 */
export function changeTokens<T>(
  to: (x: tf.Tensor3D) => tf.Tensor3D,
  during: () => T,
): T {
  const before = change;
  change = to;
  try {
    return during();
  } finally {
    change = before;
  }
}

/** The vectors of tokens as they are to be: the same, unless somebody changes them. */
export function changed(x: tf.Tensor3D): tf.Tensor3D {
  return change?.(x) ?? x;
}
