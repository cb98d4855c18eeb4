/** What mixers project to heads, and back. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Shape } from "../lion_layer.ts";

/** Multiplications and additions of four projections: queries, keys, values and output. */
export function projectionOperations(shape: Shape): number {
  const [batch, length, dim] = shape as [number, number, number];
  return 2 * batch * length * 4 * dim * dim;
}

/**
 * Log decays, of which padding has none: it is not in the text at all.
 *
 * @param logDecay `[heads]`, `[batch or 1, heads, length]` or with channels after it.
 */
export function withoutSteps<T extends tf.Tensor>(
  logDecay: T,
  mask: tf.Tensor2D | undefined,
): T | tf.Tensor3D {
  if (!mask) return logDecay;
  const [batch, length] = mask.shape;
  if (logDecay.rank === 1) {
    const each = tf.reshape(logDecay, [1, logDecay.size, 1]);
    return tf.mul(each, tf.expandDims(mask, 1));
  }
  const columns = logDecay.rank === 4 ? [1] : [];
  return tf.mul(logDecay, tf.reshape(mask, [batch, 1, length, ...columns]));
}
