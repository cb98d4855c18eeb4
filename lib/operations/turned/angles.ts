/** Cumulative sums of angles along a sequence. @module */
import * as tf from "@tensorflow/tfjs-core";
import { composed } from "@lionjs/tfjs/record";
import { numberSegments } from "../segments.ts";
import { shifted } from "../shift.ts";

/** Number of parts of a full turn; parts are counted in integers, whose sums are exact. */
const PARTS = 4096;
const PART = 2 * Math.PI / PARTS;
/**
 * A part of a turn in radians as the sum of two numbers, of which the first has
 * few digits, so that its multiples are exact.
 */
const [FIRST_OF_PART, REST_OF_PART] = [402 / 2 ** 18, PART - 402 / 2 ** 18];

/**
 * Cumulative sums of the angles from the first token up to each, without whole
 * turns. A plain sum of thousands of angles would lose digits; here whole parts
 * of a turn and the remainder of each angle are summed separately.
 * Differentiable.
 *
 * Where only differences of these sums within a segment are read, no gradient
 * reaches other segments in all, but for rounding errors; with `segments`, these
 * are left out, too.
 *
 * @param angles `[batch, heads, length, channels]`, in radians, at most a few
 * hundred; those of the first token are not read and have a gradient of 0.
 * @param segments `[batch, length]`, if differences are read only within each.
 * @returns A tensor of the same shape.
 */
export function anglesUntil(
  angles: tf.Tensor4D,
  segments?: tf.Tensor2D,
): tf.Tensor4D {
  const length = angles.shape[2];
  if (length === 1) return tf.zerosLike(angles);
  const numbers = segments &&
    tf.slice(numberSegments(segments), [0, 1], [-1, -1]);
  const sum = tf.customGrad((steps, save) => {
    const keep = save as tf.GradSaveFunc;
    if (numbers) keep([numbers]);
    return {
      value: composed(
        "LionSummedAngles",
        { angles: steps as tf.Tensor4D },
        {},
        () => summed(steps as tf.Tensor4D),
      ),
      gradFunc: (dy: tf.Tensor, [numbers]: tf.Tensor[]) =>
        numbers
          ? sumsFrom(dy as tf.Tensor4D, numbers as tf.Tensor2D)
          : tf.cumsum(dy, 2, false, true),
    };
  });
  const steps = tf.slice(angles, [0, 0, 1, 0], [-1, -1, -1, -1]);
  const sums = sum(steps) as tf.Tensor4D;
  return tf.pad(sums, [[0, 0], [0, 0], [1, 0], [0, 0]]);
}

/**
 * Sums of dy, `[batch, heads, length, channels]`, from each token to the last
 * of its segment.
 *
 * @param numbers The numbers of the segments, `[batch, length]`, above 0 and
 * increasing.
 */
function sumsFrom(dy: tf.Tensor4D, numbers: tf.Tensor2D): tf.Tensor4D {
  const [batch, , length] = dy.shape;
  return tf.tidy(() => {
    const segments = tf.reshape(numbers, [batch, 1, length, 1]) as tf.Tensor4D;
    let sums = dy;
    // Each pass doubles the number of tokens whose angles are summed.
    for (let distance = 1; distance < length; distance *= 2) {
      const later = (x: tf.Tensor4D) => shifted(x, -distance, 2);
      const isSame = tf.cast(tf.equal(later(segments), segments), "float32");
      sums = tf.add(sums, tf.mul(later(sums), isSame));
    }
    return sums;
  });
}

/**
 * Cumulative sums along axis 2, modulo a full turn, of angles
 * `[batch, heads, length, channels]`.
 */
function summed(angles: tf.Tensor4D): tf.Tensor4D {
  const length = angles.shape[2];
  return tf.tidy(() => {
    let { parts, rest } = inParts(tf.zerosLike(angles), angles);
    // Each pass doubles the number of tokens whose angles are summed.
    for (let distance = 1; distance < length; distance *= 2) {
      ({ parts, rest } = inParts(
        tf.add(parts, shifted(parts, distance, 2)),
        tf.add(rest, shifted(rest, distance, 2)),
      ));
    }
    return tf.add(tf.mul(parts, PART), rest);
  });
}

/**
 * Reduces a sum of angles to whole parts, at most half a turn of them, and a
 * remainder of at most half a part.
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
