/** Sums of angles along a sequence. @module */
import * as tf from "@tensorflow/tfjs-core";

/** 2π in two parts, of which the first has few digits, so that multiples of it are exact. */
const [TURN, REST_OF_TURN] = [6.28125, 2 * Math.PI - 6.28125];

/**
 * For each token the sum of the angles on the way to it from the first one, its
 * own included, less whole turns. A sum of thousands of angles would lose its
 * digits to the turns; here each sum is of two that are below a half turn.
 * Differentiable.
 *
 * @param angles `[batch, heads, length, channels]`, in radians; the first token's
 * are not read, and have a gradient of zero.
 * @returns The same shape.
 */
export function anglesUntil(angles: tf.Tensor4D): tf.Tensor4D {
  const length = angles.shape[2];
  if (length === 1) return tf.zerosLike(angles);
  const sum = tf.customGrad((steps) => ({
    value: summed(steps as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.cumsum(dy, 2, false, true),
  }));
  const steps = tf.slice(angles, [0, 0, 1, 0], [-1, -1, -1, -1]);
  const sums = sum(steps) as tf.Tensor4D;
  return tf.pad(sums, [[0, 0], [0, 0], [1, 0], [0, 0]]);
}

function summed(angles: tf.Tensor4D): tf.Tensor4D {
  const length = angles.shape[2];
  return tf.tidy(() => {
    let sums = withoutTurns(angles);
    // Each from the sums of twice as many tokens.
    for (let distance = 1; distance < length; distance *= 2) {
      const before = tf.slice(
        sums,
        [0, 0, 0, 0],
        [-1, -1, length - distance, -1],
      );
      const moved = tf.pad(before, [[0, 0], [0, 0], [distance, 0], [0, 0]]);
      sums = withoutTurns(tf.add(sums, moved));
    }
    return sums;
  });
}

function withoutTurns(angles: tf.Tensor4D): tf.Tensor4D {
  const turns = tf.round(tf.div(angles, 2 * Math.PI));
  return tf.sub(
    tf.sub(angles, tf.mul(turns, TURN)),
    tf.mul(turns, REST_OF_TURN),
  );
}
