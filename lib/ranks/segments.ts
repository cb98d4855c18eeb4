/** Segments of sequences whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { ContextGroup } from "@lionjs/base";
import {
  endsOf,
  positionsIn,
  type SegmentEnds,
} from "../operations/segments.ts";
import { scanAcrossRanks, shiftAcrossRanks } from "./exchange.ts";

/**
 * The ends of segments, of which a rank's outermost tokens are some only if the
 * neighbouring rank's token has another number.
 *
 * @param segments Those of this rank's tokens, `[batch, length]`.
 * @param isContinued Whether other tokens were before those of the first rank, so that
 * they begin no segment. @default false
 */
export function endsAcrossRanks(
  segments: tf.Tensor2D,
  ranks: ContextGroup,
  isContinued = false,
): SegmentEnds {
  const [batch, length] = segments.shape;
  const column = (place: number): tf.Tensor2D =>
    inFloats(tf.slice(segments, [0, place], [batch, 1]));
  const isEnd = (by: 1 | -1): tf.Tensor2D => {
    const [outermost, toPass] = by === 1 ? [0, length - 1] : [length - 1, 0];
    const theirs = shiftAcrossRanks(column(toPass), by, ranks);
    const neighbour = ranks.rank - by;
    if (neighbour < 0 && isContinued) return tf.zeros([batch, 1], "bool");
    return neighbour < 0 || neighbour >= ranks.size
      ? tf.ones([batch, 1], "bool")
      : tf.any(tf.notEqual(theirs, column(outermost)), 1, true);
  };
  return endsOf(segments, { first: isEnd(1), last: isEnd(-1) });
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

/** The unique numbers of segments, as `numberSegments` gives them, counted through all ranks. */
export function numberAcrossRanks(
  segments: tf.Tensor2D,
  ranks: ContextGroup,
): tf.Tensor2D {
  const first = tf.cast(endsAcrossRanks(segments, ranks).first, "float32");
  const map = { written: tf.sum(first, 1, true), transition: null };
  const before = scanAcrossRanks("before", map, (first, second) => ({
    written: tf.add(first.written, second.written),
    transition: null,
  }), ranks);
  return tf.add(tf.cumsum(first, 1), before);
}

/** The position of each token within its segment, which earlier ranks may have begun. */
export function positionsAcrossRanks(
  segments: tf.Tensor2D,
  ranks: ContextGroup,
): tf.Tensor2D {
  const here = positionsIn(segments);
  const { first } = endsAcrossRanks(segments, ranks);
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
