/** A causal operation in both directions. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The sum of a causal operation on the sequence and on its reverse, the latter
 * turned back. One call computes both, as a batch of twice the size.
 *
 * @param forward Inputs of the forward direction by name, `[batch, heads, length, columns]` each.
 * @param backward Inputs of the backward direction, in the same order of tokens.
 * @param run The operation; it receives the segments that belong to its inputs.
 * @param segments `[batch, length]`, which packed sequence each token belongs to.
 * @returns `[batch, heads, length, columns]`
 */
export function bidirectional<T extends Readonly<Record<string, tf.Tensor4D>>>(
  forward: T,
  backward: T,
  run: (inputs: T, segments: tf.Tensor2D | undefined) => tf.Tensor4D,
  segments?: tf.Tensor2D,
): tf.Tensor4D {
  const inputs = Object.keys(forward).map((name) => [
    name,
    tf.concat([forward[name]!, tf.reverse(backward[name]!, 2)], 0),
  ]);
  const both: tf.Tensor2D | undefined = segments &&
    tf.concat([segments, tf.reverse(segments, 1)], 0);
  const y = run(Object.fromEntries(inputs), both);
  const [past, future] = tf.split(y, 2, 0);
  return tf.add(past!, tf.reverse(future!, 2));
}
