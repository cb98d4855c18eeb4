/**
 * The conversion of any decay to the pair of log decays that forms and kernels take.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { endsOf } from "../../operations/segments.ts";
import type { Decay } from "./decay.ts";
import { causalPair, type DecayPair, logDecayPair } from "./decay_pair.ts";
import { diagonalDecayPair } from "./diagonal_decay.ts";
import { withBorders } from "./segment_borders.ts";

/** The sequence that a decay applies to. */
interface DecayedSequence {
  /** The sizes of the sequence's keys. */
  readonly shape: readonly [
    batch: number,
    heads: number,
    length: number,
    headDim: number,
  ];
  /** Whether there is no backward state. */
  readonly causal: boolean;
  /** The segments of tokens, `[batch, length]`, which packed sequence each token belongs to. */
  readonly segments?: tf.Tensor2D | undefined;
  /**
   * Whether to replace -Infinity in diagonal decays, which kernels accept.
   * @default true
   */
  readonly makeFinite?: boolean;
}

/**
 * The log decays of the forward and the backward state on arriving at each token,
 * whatever the kind and the convention of the decay, in one direction or both, with
 * packed sequences kept apart. Differentiable in the decay's tensors.
 * Call it inside `tf.tidy`.
 *
 * @returns The pair, or `null` where nothing decays in either direction.
 * @throws {TypeError} If the decay's tensors do not have the sequence's shape,
 * batch axis of 1 allowed.
 */
export function resolveDecays(
  decay: Decay,
  { shape, causal, segments, makeFinite }: DecayedSequence,
): DecayPair | null {
  const pair = diagonalDecayPair(decay, shape, causal, makeFinite) ??
    scalarDecayPair(decay, shape, causal);
  const [, heads] = shape;
  return segments
    ? withBorders(pair, endsOf(segments), { heads, causal })
    : pair;
}

/** The pair of a decay with one number per token or per head. */
function scalarDecayPair(
  decay: Decay,
  [batch, heads, length]: DecayedSequence["shape"],
  causal: boolean,
): DecayPair | null {
  const pair = logDecayPair(decay, [batch, heads, length]);
  return causal ? causalPair(pair, [heads, length]) : pair;
}
