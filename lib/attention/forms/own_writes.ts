/** What tokens of transitions read of their own writes. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  mapVectors,
  stepsOf,
  type TransitionVectors,
} from "./transition_inputs.ts";

/** The vectors with queries that are scaled. */
export function scaled<T extends TransitionVectors>(
  vectors: T,
  scale: number,
): T {
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
