/** Sums of angles along a sequence. @module */
import * as tf from "@tensorflow/tfjs-core";

/** Parts of a full turn; they are counted in integers, whose sums are exact. */
const PARTS = 4096;
const PART = 2 * Math.PI / PARTS;
/**
 * A part split into two numbers; the first has few digits, so that its
 * multiples are exact.
 */
const [FIRST_OF_PART, REST_OF_PART] = [402 / 2 ** 18, PART - 402 / 2 ** 18];

/**
 * For each token, the sum of the angles from the first token up to its own,
 * without whole turns. A plain sum of thousands of angles would lose digits;
 * here whole parts of a turn and the remainder of each angle are summed
 * separately. Differentiable.
 *
 * @param angles `[batch, heads, length, channels]`, in radians, at most a few
 * hundred; those of the first token are not read and have a gradient of 0.
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
    let { parts, rest } = inParts(tf.zerosLike(angles), angles);
    // Each pass doubles the number of tokens that are summed.
    for (let distance = 1; distance < length; distance *= 2) {
      const moved = (x: tf.Tensor4D): tf.Tensor4D =>
        tf.pad(
          tf.slice(x, [0, 0, 0, 0], [-1, -1, length - distance, -1]),
          [[0, 0], [0, 0], [distance, 0], [0, 0]],
        );
      ({ parts, rest } = inParts(
        tf.add(parts, moved(parts)),
        tf.add(rest, moved(rest)),
      ));
    }
    return tf.add(tf.mul(parts, PART), rest);
  });
}

/**
 * Reduces an angle to at most half a turn in parts, and a remainder of at most
 * half a part.
 */
function inParts(
  parts: tf.Tensor4D,
  rest: tf.Tensor4D,
): Record<"parts" | "rest", tf.Tensor4D> {
  const more = tf.round(tf.div(rest, PART));
  const all = tf.add(parts, more);
  return {
    parts: tf.sub(all, tf.mul(tf.round(tf.div(all, PARTS)), PARTS)),
    rest: tf.sub(
      tf.sub(rest, tf.mul(more, FIRST_OF_PART)),
      tf.mul(more, REST_OF_PART),
    ),
  };
}
