/** The decays of packed sequences, several in one row. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { SegmentEnds } from "../../operations/segments.ts";
import type { DecayPair, LogDecayPair } from "./decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { LOWEST_LOG_DECAY } from "../../operations/finite_decay/finite_decay.ts";

/**
 * A pair of log decays that lets nothing cross a border of segments: the
 * forward state forgets everything on arriving at the first token of a segment,
 * the backward state on arriving at the last one. The decays given there have
 * no gradient.
 *
 * @param pair Log decays, each `[batch or 1, heads, length, ...]`; `null` if nothing
 * decays inside a segment.
 * @param ends Which tokens are the first and the last of their segment.
 * @returns The pair with borders, each `[batch, heads, length, ...]`; if
 * causal, without the backward one.
 */
export function withBorders<P extends DecayPair = LogDecayPair>(
  pair: P | null,
  { first, last }: SegmentEnds,
  { heads, causal }: { heads: number; causal: boolean },
): P {
  const [batch, length] = first.shape;
  const forgetting = (
    ends: tf.Tensor2D,
    logDecay: tf.Tensor | null | undefined,
  ) => {
    const channels = logDecay?.shape.slice(3) ?? [];
    const shape = [batch, heads, length, ...channels];
    const isBorder = tf.broadcastTo(
      tf.reshape(ends, [batch, 1, length, ...channels.map(() => 1)]),
      shape,
    );
    const others = logDecay ? spread(logDecay, shape) : tf.zeros(shape);
    const forgotten = tf.fill(shape, LOWEST_LOG_DECAY);
    return tf.where(isBorder, forgotten, others);
  };
  return {
    forward: forgetting(first, pair?.forward),
    backward: causal ? null : forgetting(last, pair?.backward),
  } as P;
}
