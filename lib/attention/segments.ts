/** Packed sequences: several one after another in a row, of which none reads another. @module */
import * as tf from "@tensorflow/tfjs-core";
import { endsOf } from "../operations/segments.ts";
import { spread } from "./decay_pair.ts";
import { LOWEST_LOG_DECAY } from "./finite_decay.ts";

export {
  assertSegments,
  endsOf,
  numberSegments,
  positionsIn,
} from "../operations/segments.ts";

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
