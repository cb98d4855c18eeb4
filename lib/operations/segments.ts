/** Segments of packed sequences: which tokens of a row belong together. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../base/communicator.ts";
import { assertNumbers } from "../tfjs/kernel/floats.ts";
import { assertShape } from "../tfjs/kernel/shape.ts";
import { shifted } from "./shift.ts";
import { scanAcrossRanks, shiftAcrossRanks } from "./token_ranks.ts";

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
 * Whether each token is the first, or the last, of its segment,
 * `[batch, length]`, bool. A segment ends wherever the number changes, even
 * back to an earlier one.
 *
 * @param ranks The ranks that share the tokens, if there are any.
 */
export function endsOf(
  segments: tf.Tensor2D,
  ranks?: TokenRanks,
): { first: tf.Tensor2D; last: tf.Tensor2D } {
  const [batch, length] = segments.shape;
  if (length === 0 && !ranks) {
    const none: tf.Tensor2D = tf.zeros([batch, 0], "bool");
    return { first: none, last: none };
  }
  const outer = (by: 1 | -1): tf.Tensor2D => {
    const end: tf.Tensor2D = tf.ones([batch, 1], "bool");
    if (!ranks) return end;
    const column = (place: number): tf.Tensor2D =>
      inFloats(tf.slice(segments, [0, place], [batch, 1]));
    const [outermost, toPass] = by === 1 ? [0, length - 1] : [length - 1, 0];
    const theirs = shiftAcrossRanks(column(toPass), by, ranks);
    const neighbour = ranks.rank - by;
    return neighbour < 0 || neighbour >= ranks.size
      ? end
      : tf.any(tf.notEqual(theirs, column(outermost)), 1, true);
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
 * Converts a column of numbers, `[batch, 1]`, to float32, in which ranks
 * exchange them, so that different numbers stay different: an integer becomes
 * two halves of 16 bits, since a float holds 24.
 */
function inFloats(column: tf.Tensor2D): tf.Tensor2D {
  if (column.dtype !== "int32") return tf.cast(column, "float32");
  const half = tf.scalar(2 ** 16, "int32");
  return tf.cast(
    tf.concat([tf.floorDiv(column, half), tf.mod(column, half)], 1),
    "float32",
  );
}

/**
 * Numbers the segments of each row uniquely, `[batch, length]`, float32, which
 * can hold 16 million numbers.
 *
 * @param ranks The ranks that share the tokens, if there are any.
 */
export function numberSegments(
  segments: tf.Tensor2D,
  ranks?: TokenRanks,
): tf.Tensor2D {
  const first = tf.cast(endsOf(segments, ranks).first, "float32");
  const numbers: tf.Tensor2D = tf.cumsum(first, 1);
  if (!ranks) return numbers;
  const map = { written: tf.sum(first, 1, true), transition: null };
  const before = scanAcrossRanks("before", map, (first, second) => ({
    written: tf.add(first.written, second.written),
    transition: null,
  }), ranks);
  return tf.add(numbers, before);
}

/**
 * The position of each token within its segment, `[batch, length]`, float32.
 *
 * @param ranks The ranks that share the tokens, if there are any.
 */
export function positionsIn(
  segments: tf.Tensor2D,
  ranks?: TokenRanks,
): tf.Tensor2D {
  const here = positionsHere(segments);
  if (!ranks) return here;
  const { first } = endsOf(segments, ranks);
  // Tokens before this rank's first border continue a segment of earlier ranks.
  const goesOn = tf.cast(
    tf.equal(tf.cumsum(tf.cast(first, "float32"), 1), 0),
    "float32",
  );
  const length = segments.shape[1];
  const atEnd = (x: tf.Tensor) => tf.slice(x, [0, length - 1], [-1, 1]);
  // Tokens of the last segment; a part without a border adds to the count so far.
  const map = {
    written: tf.add(atEnd(here), 1),
    transition: atEnd(goesOn),
  };
  const before = scanAcrossRanks("before", map, (first, second) => ({
    written: tf.add(tf.mul(first.written, second.transition!), second.written),
    transition: tf.mul(first.transition!, second.transition!),
  }), ranks);
  return tf.add(here, tf.mul(before, goesOn));
}

function positionsHere(segments: tf.Tensor2D): tf.Tensor2D {
  const length = segments.shape[1];
  const places = tf.expandDims(tf.range(0, length), 0);
  // The position of each token's latest first token, found in doubling steps.
  let start = tf.mul(tf.cast(endsOf(segments).first, "float32"), places);
  for (let step = 1; step < length; step *= 2) {
    start = tf.maximum(start, shifted(start, step, 1));
  }
  return tf.sub(places, start);
}
