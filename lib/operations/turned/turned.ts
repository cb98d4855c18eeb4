/** Turning pairs of channels. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * Turns each pair of channels (2m, 2m + 1) by its angle; channels beyond them
 * stay as they are. Differentiable in both.
 *
 * @param x `[batch, heads, length, headDim]`
 * @param angles `[batch, heads, length, angles]`, in radians, at most one for
 * two channels.
 * @returns A tensor of the shape of x.
 */
export function turned(x: tf.Tensor4D, angles: tf.Tensor4D): tf.Tensor4D {
  const turn = tf.customGrad((x, angles, save) => {
    const y = turnedBy(x as tf.Tensor4D, angles as tf.Tensor4D);
    (save as tf.GradSaveFunc)([angles as tf.Tensor, y]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, [angles, y]: tf.Tensor[]) => {
        const pairs = angles!.shape[3]!;
        const [first, second] = pairsOf(y as tf.Tensor4D, pairs);
        const [dfirst, dsecond] = pairsOf(dy as tf.Tensor4D, pairs);
        return [
          turnedBy(dy as tf.Tensor4D, tf.neg(angles as tf.Tensor4D)),
          tf.sub(tf.mul(first, dsecond), tf.mul(second, dfirst)),
        ];
      },
    };
  });
  return turn(x, angles) as tf.Tensor4D;
}

/** The first and the second channels of pairs, `[batch, heads, length, pairs]` each. */
function pairsOf(x: tf.Tensor4D, pairs: number): [tf.Tensor4D, tf.Tensor4D] {
  const [batch, heads, length] = x.shape;
  const turning = tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, 2 * pairs]);
  return tf.split(tf.reshape(turning, [-1, 2]), 2, 1)
    .map((half) => tf.reshape(half, [batch, heads, length, pairs])) as [
      tf.Tensor4D,
      tf.Tensor4D,
    ];
}

/** The value of {@linkcode turned}, without a gradient. */
function turnedBy(x: tf.Tensor4D, angles: tf.Tensor4D): tf.Tensor4D {
  const [batch, heads, length, headDim] = x.shape;
  const turning = 2 * angles.shape[3];
  return tf.tidy(() => {
    const [first, second] = pairsOf(x, angles.shape[3]);
    const cosines = tf.cos(angles), sines = tf.sin(angles);
    const pairs = tf.stack([
      tf.sub(tf.mul(first, cosines), tf.mul(second, sines)),
      tf.add(tf.mul(first, sines), tf.mul(second, cosines)),
    ], 4);
    const turns = tf.reshape(pairs, [batch, heads, length, turning]);
    const others = tf.slice(x, [0, 0, 0, turning], [-1, -1, -1, -1]);
    return turning < headDim ? tf.concat([turns, others], 3) : turns;
  }) as tf.Tensor4D;
}
