/**
 * Packed sequences: several in one row, none of which attends to another.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../contract/communicator.ts";
import { endsOf } from "../../operations/segments.ts";
import { spread } from "../decays/decay_pair.ts";
import { LOWEST_LOG_DECAY } from "../decays/finite_decay.ts";

export {
  assertSegments,
  endsOf,
  numberSegments,
  positionsIn,
} from "../../operations/segments.ts";

/**
 * A pair of log decays that lets nothing cross a border of segments: the
 * forward state forgets everything on arriving at the first token of a segment,
 * the backward state on arriving at the last one. The decays given there have
 * no gradient.
 *
 * @param pair Each `[batch or 1, heads, length, ...]`; `null` if nothing decays
 * inside a segment.
 * @returns The pair with borders, each `[batch, heads, length, ...]`; if
 * causal, without the backward one.
 */
export function withBorders<T extends tf.Tensor = tf.Tensor3D>(
  pair: { readonly forward: T; readonly backward: T | null } | null,
  segments: tf.Tensor2D,
  { heads, causal, ranks }: {
    heads: number;
    causal: boolean;
    ranks?: TokenRanks | undefined;
  },
): { readonly forward: T; readonly backward: T | null } {
  const [batch, length] = segments.shape;
  const { first, last } = endsOf(segments, ranks);
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
