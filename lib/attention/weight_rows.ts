/** Rows of the weights with which tokens read values, without the whole matrix. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * Rows i of the weights W of attention that is linear in its values,
 * y_i = Σ_j W_ij v_j: one row per column of the values in a gradient,
 * ∂ y_ic / ∂ v_jc = W_ij. So it needs no more memory than the attention itself, in
 * any form, with whatever divides, decays or hides. Call it inside `tf.tidy`.
 *
 * @param attend Attention to values; all columns must have the same weights.
 * @param v The values, `[batch, heads, length, valueDim]`.
 * @param rows The tokens whose rows are wanted.
 * @returns `[batch, heads, rows, length]`
 */
export function weightRows(
  attend: (v: tf.Tensor4D) => tf.Tensor4D,
  v: tf.Tensor4D,
  rows: readonly number[],
): tf.Tensor4D {
  const [batch, heads, length, columns] = v.shape;
  const gradient = tf.grad((v) => attend(v as tf.Tensor4D));
  const parts: tf.Tensor4D[] = [];
  for (let first = 0; first < rows.length; first += columns) {
    const some = rows.slice(first, first + columns);
    parts.push(tf.tidy(() => {
      // Of columns that are left over, the seeds are 0.
      const seeds = tf.oneHot(
        [...some, ...Array(columns - some.length).fill(-1)],
        length,
      );
      const dy = tf.broadcastTo(
        tf.cast(tf.transpose(seeds), "float32"),
        [batch, heads, length, columns],
      );
      const ofColumns = tf.transpose(gradient(v, dy), [0, 1, 3, 2]);
      return tf.slice(
        ofColumns as tf.Tensor4D,
        [0, 0, 0, 0],
        [batch, heads, some.length, length],
      );
    }));
  }
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 2);
}
