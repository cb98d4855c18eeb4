/** Segments of packed sequences: which tokens of a row belong together. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertNumbers, assertShape } from "@lionjs/tfjs/kernel";
import { composed } from "@lionjs/tfjs/record";
import { shifted } from "./shift.ts";

/**
 * Throws unless a tensor can hold segments, the numbers of the tokens' sequences.
 *
 * @throws {TypeError} If it has another shape or is not numeric.
 */
export function assertSegments(
  segments: tf.Tensor,
  shape: readonly [batch: number, length: number],
): asserts segments is tf.Tensor2D {
  assertShape("segments", segments, shape, "batch, length");
  assertNumbers("segments", segments);
}

/**
 * The segments of an option, checked as {@linkcode assertSegments} does;
 * `undefined` if there are none.
 */
export function checkedSegments(
  segments: tf.Tensor | undefined,
  shape: readonly [batch: number, length: number],
): tf.Tensor2D | undefined {
  if (segments === undefined) return undefined;
  assertSegments(segments, shape);
  return segments;
}

/**
 * Which tokens are the first of their segment, and which the last, each
 * `[batch, length]`, bool.
 */
export interface SegmentEnds {
  readonly first: tf.Tensor2D;
  readonly last: tf.Tensor2D;
}

/**
 * The ends of segments. A segment ends wherever the number changes, even back to an
 * earlier one.
 *
 * @param outermost Whether the first and the last token of all are ends, each
 * `[batch, 1]`, bool. @default they are
 */
export function endsOf(
  segments: tf.Tensor2D,
  outermost?: SegmentEnds,
): SegmentEnds {
  const [batch, length] = segments.shape;
  if (length === 0) {
    const none: tf.Tensor2D = tf.zeros([batch, 0], "bool");
    return { first: none, last: none };
  }
  const end = (): tf.Tensor2D => tf.ones([batch, 1], "bool");
  const { first, last } = outermost ?? { first: end(), last: end() };
  if (length === 1) return { first, last };
  const from = (start: number) =>
    tf.slice(segments, [0, start], [batch, length - 1]);
  const changes = tf.notEqual(from(0), from(1)) as tf.Tensor2D;
  return {
    first: tf.concat([first, changes], 1),
    last: tf.concat([changes, last], 1),
  };
}

/**
 * Numbers the segments of each row uniquely, `[batch, length]`, float32, which
 * can hold 16 million numbers.
 */
export function numberSegments(segments: tf.Tensor2D): tf.Tensor2D {
  return tf.cumsum(tf.cast(endsOf(segments).first, "float32"), 1);
}

/** The position of each token within its segment, `[batch, length]`, float32. */
export function positionsIn(segments: tf.Tensor2D): tf.Tensor2D {
  return composed("LionPositionsIn", { segments }, {}, (): tf.Tensor2D => {
    const length = segments.shape[1];
    const places = tf.expandDims(tf.range(0, length), 0);
    // The position of the first token of each token's segment, found in doubling steps.
    let start = tf.mul(tf.cast(endsOf(segments).first, "float32"), places);
    for (let step = 1; step < length; step *= 2) {
      start = tf.maximum(start, shifted(start, step, 1));
    }
    return tf.sub(places, start);
  });
}
