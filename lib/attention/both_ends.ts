/** Causal operations run from both ends of a sequence. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The sum of what a causal operation answers from the left, and from the right
 * on the sequence turned round. Both are one call, of twice as many sequences.
 *
 * @param fromLeft Inputs by name, `[batch, heads, length, columns]` each.
 * @param fromRight The same for the other direction, in the same order of tokens.
 * @param run The operation.
 * @returns `[batch, heads, length, columns]`
 */
export function fromBothEnds<T extends Readonly<Record<string, tf.Tensor4D>>>(
  fromLeft: T,
  fromRight: T,
  run: (inputs: T) => tf.Tensor4D,
): tf.Tensor4D {
  const inputs = Object.keys(fromLeft).map((name) => [
    name,
    tf.concat([fromLeft[name]!, tf.reverse(fromRight[name]!, 2)], 0),
  ]);
  const [past, future] = tf.split(run(Object.fromEntries(inputs)), 2, 0);
  return tf.add(past!, tf.reverse(future!, 2));
}
