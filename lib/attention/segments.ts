/** Packed sequences: several one after another in a row, of which none reads another. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertNumbers } from "../contract/floats.ts";
import { assertShape } from "../contract/shape.ts";
import { spread } from "./decay_pair.ts";
import { LOWEST_LOG_DECAY } from "./finite_decay.ts";

/**
 * Throws unless these say which segment each token belongs to.
 *
 * @throws {TypeError} If they have another shape, or are no numbers.
 */
export function assertSegments(
  segments: tf.Tensor,
  shape: readonly [batch: number, length: number],
): void {
  assertShape("segments", segments, shape, "batch, length");
  assertNumbers("segments", segments);
}

/**
 * Whether each token is the first, or the last, of its segment, `[batch,
 * length]` of bool. A segment ends where the number changes, also back to an
 * earlier one.
 */
export function endsOf(
  segments: tf.Tensor2D,
): { first: tf.Tensor2D; last: tf.Tensor2D } {
  const [batch, length] = segments.shape;
  const outer: tf.Tensor2D = tf.ones([batch, 1], "bool");
  if (length === 1) return { first: outer, last: outer };
  const from = (start: number) =>
    tf.slice(segments, [0, start], [batch, length - 1]);
  const changes = tf.notEqual(from(0), from(1)) as tf.Tensor2D;
  return {
    first: tf.concat([outer, changes], 1),
    last: tf.concat([changes, outer], 1),
  };
}

/**
 * Numbers that no two segments of a sequence share, `[batch, length]` of
 * float32, which has a number for each of 16 million.
 */
export function numberSegments(segments: tf.Tensor2D): tf.Tensor2D {
  return tf.cumsum(tf.cast(endsOf(segments).first, "float32"), 1);
}

/**
 * How many tokens of its segment are before each token, `[batch, length]` of
 * float32.
 */
export function positionsIn(segments: tf.Tensor2D): tf.Tensor2D {
  const [batch, length] = segments.shape;
  const places = tf.expandDims(tf.range(0, length), 0);
  // The largest place of a first token so far, found in doubling steps.
  let start = tf.mul(tf.cast(endsOf(segments).first, "float32"), places);
  for (let step = 1; step < length; step *= 2) {
    const earlier = tf.slice(start, [0, 0], [batch, length - step]);
    start = tf.maximum(start, tf.pad(earlier, [[0, 0], [step, 0]]));
  }
  return tf.sub(places, start);
}

/**
 * A pair of log decays that nothing crosses a border of segments with: the
 * forward state forgets all on arriving at the first token of a segment, the
 * backward state on arriving at the last one. What was to be paid there has no
 * gradient.
 *
 * @param pair `[batch or 1, heads, length, ...]` each; without it, nothing decays
 * inside a segment.
 * @returns The same, `[batch, heads, length, ...]`; causal, without the second.
 */
export function withBorders<T extends tf.Tensor = tf.Tensor3D>(
  pair: { readonly forward: T; readonly backward: T | null } | null,
  segments: tf.Tensor2D,
  { heads, causal }: { heads: number; causal: boolean },
): { readonly forward: T; readonly backward: T | null } {
  const [batch, length] = segments.shape;
  const { first, last } = endsOf(segments);
  const forgetting = (ends: tf.Tensor2D, logDecay: T | null | undefined) => {
    const channels = logDecay?.shape.slice(3) ?? [];
    const shape = [batch, heads, length, ...channels];
    const isBorder = tf.broadcastTo(
      tf.reshape(ends, [batch, 1, length, ...channels.map(() => 1)]),
      shape,
    );
    const others = logDecay ? spread(logDecay, shape) : tf.zeros(shape);
    const forgotten = tf.fill(shape, LOWEST_LOG_DECAY);
    return tf.where(isBorder, forgotten, others) as T;
  };
  return {
    forward: forgetting(first, pair?.forward),
    backward: causal ? null : forgetting(last, pair?.backward),
  };
}
