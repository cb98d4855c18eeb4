/**
 * The row sums that attention divides by: the output of attention for a column
 * of ones in v.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { withoutPadding } from "../../operations/padding/padding.ts";

/** Appends a column of ones to `[batch, heads, length, valueDim]`. */
export function withOnes(values: tf.Tensor4D): tf.Tensor4D {
  const [batch, heads, length] = values.shape;
  const ones = tf.ones<tf.Rank.R4>([batch, heads, length, 1]);
  return tf.concat([values, ones], 3) as tf.Tensor4D;
}

/**
 * Splits the output of attention for values {@linkcode withOnes} into outputs
 * and row sums.
 */
export function splitSums(sums: tf.Tensor4D): [tf.Tensor4D, tf.Tensor4D] {
  return tf.split(sums, [sums.shape[3] - 1, 1], 3) as [
    tf.Tensor4D,
    tf.Tensor4D,
  ];
}

/**
 * Divides the output of attention for values {@linkcode withOnes} by its row
 * sums.
 *
 * @param sums `[batch, heads, length, valueDim + 1]`
 * @param tokens `[batch, length]`, 0 at padding, if there is any.
 * @returns `[batch, heads, length, valueDim]`
 */
export function divided(
  sums: tf.Tensor4D,
  epsilon: number,
  tokens: tf.Tensor | undefined,
): tf.Tensor4D {
  const [weighted, weight] = splitSums(sums);
  const divisor = tf.add(weight, epsilon);
  if (!tokens) return tf.div(weighted, divisor);
  // The sum of a padding row is 0; 0 / 1 has a finite gradient, 0 / 0 has none.
  const [batch, , length] = sums.shape;
  const padding = tf.cast(tf.equal(tokens, 0), "float32");
  const rows = tf.reshape(padding, [batch, 1, length, 1]);
  return tf.div(weighted, tf.add(divisor, rows));
}

/**
 * The output of attention, given what computes it without division: divided by the row
 * sums if the settings say so, and 0 at padding.
 */
export function normalized(
  attend: (values: tf.Tensor4D) => tf.Tensor4D,
  values: tf.Tensor4D,
  tokens: tf.Tensor2D | undefined,
  { normalize, epsilon }: { normalize: boolean; epsilon: number },
): tf.Tensor4D {
  const y = normalize
    ? divided(attend(withOnes(values)), epsilon, tokens)
    : attend(values);
  return withoutPadding(y, tokens);
}
