/** Transitions of whole sequences, in one direction or both. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { SegmentEnds } from "../../operations/segments.ts";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";
import { bidirectional } from "../forms/bidirectional.ts";
import {
  mapVectors,
  stepsOf,
  type TransitionVectors,
  withinSegments,
} from "../forms/transition_inputs.ts";
import { ownWrites, scaled } from "../forms/own_writes.ts";
import { runTransitionKernel } from "./transition_kernel.ts";
import {
  transitionWithState,
  type TransitionWithStateOptions,
} from "./transition_with_state.ts";

/** Options of {@linkcode transitions}. */
interface TransitionsOptions extends TransitionWithStateOptions {
  /** Whether nothing decays in either direction, so that gates are 0. */
  readonly isUndecayed: boolean;
  /** The ends of segments, if there are any. */
  readonly ends: SegmentEnds | undefined;
  /** The state before the first token, if causal; zero if `undefined`. */
  readonly before?: tf.Tensor4D | undefined;
}

/**
 * Transitions in both directions, or forward alone if there is no backward gate, by the
 * backend's kernel or in tfjs operations. A token's own write counts once. Differentiable
 * in all tensors. Call it inside `tf.tidy`.
 *
 * @param gates Log decays applied on arrival, with the borders of segments.
 * @returns `[batch, heads, length, valueDim]`
 */
export function transitions(
  vectors: TransitionVectors,
  gates: DiagonalDecayPair,
  { isUndecayed, ends, before, ...options }: TransitionsOptions,
): tf.Tensor4D {
  const { kernel, scale, chunkSize } = options;
  const causal = gates.backward === null;
  const forward = withinSegments(vectors, ends?.first);
  const backward = causal ? forward : withinSegments(vectors, ends?.last);
  // A kernel has one a for both sweeps, and no state before the first token.
  if (kernel && forward.a === backward.a && !before) {
    const outputs = runTransitionKernel({
      ...{ vectors: forward, causal, scale, chunkSize },
      gates: isUndecayed ? null : gates,
    });
    if (outputs) {
      return causal || stepsOf(vectors) === 1
        ? outputs.y
        : tf.sub(outputs.y, ownWrites(scaled(vectors, scale)));
    }
  }
  const run = ({ gate, ...sweep }: Sweep, scale: number) => {
    const logDecays = isUndecayed ? undefined : gate;
    const how = { ...options, scale };
    return transitionWithState(sweep, logDecays, before, how).y;
  };
  if (gates.backward === null) {
    return run({ ...forward, gate: gates.forward }, scale);
  }
  const [batch, heads, length] = vectors.q.shape;
  const past = { ...scaled(forward, scale), gate: gates.forward };
  // Tokens turn, and not their steps, which lie side by side.
  const ofTokens = (sweep: Sweep) =>
    mapVectors(sweep, (x) => tf.reshape(x, [batch, heads, length, -1]));
  const both = bidirectional(
    ofTokens(past),
    ofTokens({ ...backward, q: past.q, gate: gates.backward }),
    (sweeps) =>
      run(
        mapVectors(sweeps as Sweep, (x, name) => {
          const [, , rows, columns] = past[name]!.shape;
          return tf.reshape(x, [2 * batch, heads, rows, columns]);
        }),
        1,
      ),
  );
  return tf.sub(both, ownWrites(past));
}

/** The vectors of a sweep, and its log decays. */
interface Sweep extends TransitionVectors {
  readonly gate: tf.Tensor4D;
}
