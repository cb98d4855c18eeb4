/** The delta rule in both directions, in tfjs operations. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";
import { bidirectional } from "./bidirectional.ts";
import { type DeltaForm, runDeltaForm } from "./delta_forms.ts";
import type { DeltaVectors } from "./delta_inputs.ts";

/**
 * Runs a form of the delta rule in both directions, or forward alone if there is no
 * backward gate. Both directions count a token's own contribution, so one is subtracted.
 * Call it inside `tf.tidy`.
 *
 * @returns `[batch, heads, length, valueDim]`
 */
export function runDeltaPlain(
  form: DeltaForm,
  { q, k, v, beta }: DeltaVectors,
  gates: DiagonalDecayPair,
  scale: number,
  chunkSize: number | undefined,
): tf.Tensor4D {
  const vectors = { q: tf.mul(q, scale) as tf.Tensor4D, k, v, beta };
  const run = ({ gate, ...vectors }: DeltaVectors & { gate: tf.Tensor4D }) =>
    runDeltaForm(form, vectors, gate, undefined, chunkSize).y;
  const forward = { ...vectors, gate: gates.forward };
  if (gates.backward === null) return run(forward);
  const both = bidirectional(
    forward,
    { ...vectors, gate: gates.backward },
    run,
  );
  const scores = tf.sum(tf.mul(vectors.q, k), 3, true);
  return tf.sub(both, tf.mul(tf.mul(beta, scores), v));
}
