/** Packed sequences: which tokens of a row belong together. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../contract/communicator.ts";
import { assertNumbers } from "../contract/floats.ts";
import { assertShape } from "../contract/shape.ts";
import { passed } from "./token_ranks.ts";

/**
 * Throws unless these are segments: which sequence each token belongs to.
 *
 * @throws {TypeError} If they have another shape or are not numeric.
 */
export function assertSegments(
  segments: tf.Tensor,
  shape: readonly [batch: number, length: number],
): void {
  assertShape("segments", segments, shape, "batch, length");
  assertNumbers("segments", segments);
}

/**
 * Whether each token is the first, or the last, of its segment,
 * `[batch, length]`, bool. A segment ends wherever the number changes, even
 * back to an earlier one.
 *
 * @param ranks Those that have the tokens before and after these, if there are
 * any.
 */
export function endsOf(
  segments: tf.Tensor2D,
  ranks?: TokenRanks,
): { first: tf.Tensor2D; last: tf.Tensor2D } {
  const [batch, length] = segments.shape;
  const outer = (by: 1 | -1): tf.Tensor2D => {
    const end: tf.Tensor2D = tf.ones([batch, 1], "bool");
    if (!ranks) return end;
    const column = (place: number): tf.Tensor2D =>
      tf.cast(tf.slice(segments, [0, place], [batch, 1]), "float32");
    const [own, toPass] = by === 1 ? [0, length - 1] : [length - 1, 0];
    const theirs = passed(column(toPass), by, ranks);
    const neighbour = ranks.rank - by;
    return neighbour < 0 || neighbour >= ranks.size
      ? end
      : tf.notEqual(theirs, column(own));
  };
  const outermost = { first: outer(1), last: outer(-1) };
  if (length === 1) return outermost;
  const from = (start: number) =>
    tf.slice(segments, [0, start], [batch, length - 1]);
  const changes = tf.notEqual(from(0), from(1)) as tf.Tensor2D;
  return {
    first: tf.concat([outermost.first, changes], 1),
    last: tf.concat([changes, outermost.last], 1),
  };
}

/**
 * Numbers the segments of each row uniquely, `[batch, length]`, float32, which
 * can hold 16 million numbers.
 */
export function numberSegments(segments: tf.Tensor2D): tf.Tensor2D {
  return tf.cumsum(tf.cast(endsOf(segments).first, "float32"), 1);
}

/**
 * The position of each token within its segment, `[batch, length]`, float32.
 */
export function positionsIn(segments: tf.Tensor2D): tf.Tensor2D {
  const [batch, length] = segments.shape;
  const places = tf.expandDims(tf.range(0, length), 0);
  // The position of the last first token so far, found in doubling steps.
  let start = tf.mul(tf.cast(endsOf(segments).first, "float32"), places);
  for (let step = 1; step < length; step *= 2) {
    const earlier = tf.slice(start, [0, 0], [batch, length - step]);
    start = tf.maximum(start, tf.pad(earlier, [[0, 0], [step, 0]]));
  }
  return tf.sub(places, start);
}
