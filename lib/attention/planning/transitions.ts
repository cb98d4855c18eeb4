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

/** The vectors with queries that are scaled. */
export function scaled(
  vectors: TransitionVectors,
  scale: number,
): TransitionVectors {
  return { ...vectors, q: tf.mul(vectors.q, scale) };
}

/**
 * What each token reads of its own write, which both directions count: (q · k) v, β
 * times that for the delta rule, and of several steps what they write into a state of 0.
 * WebGPU takes too few matrix products at once for one of each token.
 *
 * @param vectors The vectors, with queries already scaled.
 */
export function ownWrites(
  { q, k, v, a, b, beta }: TransitionVectors,
): tf.Tensor4D {
  const steps = stepsOf({ q, k });
  const written: { at: tf.Tensor; value: tf.Tensor; beta?: tf.Tensor }[] = [];
  const readBy = (row: tf.Tensor): tf.Tensor =>
    written.map(({ at, value, beta }) => {
      const score = tf.sum(tf.mul(row, at), 3, true);
      return tf.mul(beta ? tf.mul(beta, score) : score, value);
    }).reduce((sum, next) => tf.add(sum, next));
  for (let step = 0; step < steps; step++) {
    const rows = mapVectors(
      { k, v, a, b, beta },
      (x) => rowsOfStep(x, steps, step),
    );
    const reader = beta ? rows.k : rows.a;
    const found = reader && step > 0 ? readBy(reader) : undefined;
    if (rows.b && found) written.push({ at: rows.b, value: found });
    const value = !found || b
      ? rows.v
      : beta
      ? tf.sub(rows.v, found)
      : tf.add(rows.v, found);
    written.push({ at: rows.k, value, ...rows.beta && { beta: rows.beta } });
  }
  return readBy(q) as tf.Tensor4D;
}

/** The rows of one step of all tokens, `[batch, heads, length, columns]`. */
function rowsOfStep(
  x: tf.Tensor4D,
  steps: number,
  step: number,
): tf.Tensor4D {
  if (steps === 1) return x;
  const [batch, heads, rows, columns] = x.shape;
  const each = tf.reshape(x, [batch, heads, rows / steps, steps, columns]);
  return tf.squeeze(
    tf.slice(each, [0, 0, 0, step, 0], [-1, -1, -1, 1, -1]),
    [3],
  );
}
