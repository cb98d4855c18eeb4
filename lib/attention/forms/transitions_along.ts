/**
 * How transitions of rank one change along directions of their inputs, made of transitions
 * and of attention.
 *
 * Let r_i = S_{i-1}ᵀ a_i be what a step finds. What steps write, b_i r_iᵀ and k_i v_iᵀ, only
 * decays from then on: given r, outputs and r itself are attention with decays, A, whose
 * change is attention too (`along.ts`). What changes r directly,
 *
 *     w = Ȧ(a, b; r) + Ȧ(a, k; v)    of a, b, k and the decays alone
 *
 * is found by later steps again, as if it were written at b. So
 *
 *     ẏ = Ȧ(q, b; r) + Ȧ(q, k; v) + Y(k, v̇) + Y(b, w)
 *
 * in which Y(k, v) are the outputs of the transitions that write v at k. Where b is k, the
 * two of each kind are one, of the values z = v + r.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { shifted } from "../../operations/shift.ts";
import { type Attend, causalAlong, joined, ownAlong } from "./along.ts";
import { mapVectors, type TransitionVectors } from "./transition_inputs.ts";

/** The vectors of transitions, and the log decays of the sweeps from the left and the right. */
export interface Transitions extends TransitionVectors {
  /** `[batch, heads, length, 1 or headDim]` */
  readonly f?: tf.Tensor4D | undefined;
  /** The same. */
  readonly g?: tf.Tensor4D | undefined;
}

/** The vectors of a sweep from the left, of one step a token, and its log decays. */
export interface Sweep extends Omit<TransitionVectors, "beta"> {
  /** `[batch, heads, length, 1 or headDim]` */
  readonly gate: tf.Tensor4D;
}

/** How the parts are computed; differentiable. */
interface Runs {
  readonly attend: Attend;
  /** The outputs of a sweep. */
  sweep(sweep: Sweep): tf.Tensor4D;
}

/**
 * The change of the outputs along some directions.
 *
 * @returns `[batch, heads, length, valueDim]`
 */
export function transitionsAlong(
  given: Transitions,
  some: Partial<Transitions>,
  { causal, steps }: { readonly causal: boolean; readonly steps: number },
  runs: Runs,
): tf.Tensor4D {
  const directions = mapVectors(
    given,
    (x, name) => some[name] ?? tf.zerosLike(x),
  );
  const past = sweepOf(given, given.f, steps);
  const pastWay = sweepOf(directions, directions.f, steps);
  if (causal) {
    return lastSteps(sweepAlong(past, pastWay, runs), steps);
  }
  // Tokens turn, and not their steps, which lie side by side.
  const turned = (x: tf.Tensor4D): tf.Tensor4D => {
    const ofTokens = tf.reshape(x, [...given.q.shape.slice(0, 3), -1]);
    return tf.reshape(tf.reverse(ofTokens, 2), x.shape);
  };
  const turnedSweep = ({ f: _, g, ...vectors }: Transitions) =>
    sweepOf(mapVectors(vectors, turned), g && turned(g), steps);
  const both = sweepAlong(
    joined(past, turnedSweep(given)),
    joined(pastWay, turnedSweep(directions)),
    runs,
  );
  const [before, after] = tf.split(lastSteps(both, steps), 2, 0);
  const y: tf.Tensor4D = tf.add(before!, tf.reverse(after!, 2));
  if (steps > 1) return y;
  return tf.sub(
    y,
    ownAlong(
      { ...given, v: valuesOf(given) },
      { ...directions, v: valuesAlong(given, directions) },
    ),
  );
}

/** A sweep of one step a token, before the delta rule's a and values are known. */
type OneStep = TransitionVectors & { readonly gate: tf.Tensor4D };

/** Each step as a token, of which the first decays and the last reads. */
function sweepOf(
  { q, k, v, a, b, beta }: TransitionVectors,
  gate: tf.Tensor4D | undefined,
  steps: number,
): OneStep {
  const [batch, heads, length] = q.shape;
  const atStep = (x: tf.Tensor4D, place: number): tf.Tensor4D => {
    if (steps === 1) return x;
    const rows = tf.reshape(x, [batch * heads * length, 1, x.shape[3]]);
    const padded = tf.pad(rows, [[0, 0], [place, steps - 1 - place], [0, 0]]);
    return tf.reshape(padded, [batch, heads, length * steps, x.shape[3]]);
  };
  return {
    ...{ k, v, a, b, beta, q: atStep(q, steps - 1) },
    gate: atStep(gate ?? tf.zeros([batch, heads, length, 1]), 0),
  };
}

/** The rows of the last steps of tokens. */
function lastSteps(y: tf.Tensor4D, steps: number): tf.Tensor4D {
  if (steps === 1) return y;
  const [batch, heads, rows, columns] = y.shape;
  const each = tf.reshape(y, [batch, heads, rows / steps, steps, columns]);
  const last = tf.slice(each, [0, 0, 0, steps - 1, 0], [-1, -1, -1, 1, -1]);
  return tf.squeeze(last, [3]);
}

/** The change of the outputs of a sweep. */
function sweepAlong(
  given: OneStep,
  way: OneStep,
  { attend, sweep }: Runs,
): tf.Tensor4D {
  const { q, k, b, gate } = given;
  const f = gate.shape[3] === 1 ? tf.squeeze(gate, [3]) : gate;
  const fWay = tf.reshape(way.gate, f.shape);
  const v = valuesOf(given), vWay = valuesAlong(given, way);
  const a = readersOf(given), aWay = readersAlong(given, way);
  if (!a || !aWay) {
    const { q: qWay, k: kWay } = way;
    const ways = { q: qWay, k: kWay, v: vWay, f: fWay };
    return causalAlong({ q, k, v, f }, ways, attend);
  }
  // A row of a reads before the decay: after the step before.
  const reader = shifted(a, -1, 2);
  const found = shifted(sweep({ q: reader, k, v, a, b, gate }), 1, 2);
  const written = b
    ? [[b, way.b!, found], [k, way.k, v]] as const
    : [[k, way.k, tf.add(v, found) as tf.Tensor4D]] as const;
  const readerWay = shifted(aWay, -1, 2);
  const parts = written.map(([k, kWay, v]) =>
    causalAlong(
      joined({ q: reader, k, v, f }, { q, k, v, f }),
      joined(
        { q: readerWay, k: kWay, f: fWay },
        { q: way.q, k: kWay, f: fWay },
      ),
      attend,
    )
  );
  const [ofReaders, read] = tf.split(tf.addN(parts), 2, 0) as tf.Tensor4D[];
  const foundWay = shifted(ofReaders!, 1, 2);
  if (!b) {
    const v = tf.add(vWay, foundWay) as tf.Tensor4D;
    return tf.add(read!, sweep({ q, k, v, a, gate }));
  }
  const twice = (x: tf.Tensor4D) => tf.concat([x, x], 0);
  const carried = sweep({
    ...{ q: twice(q), a: twice(a), b: twice(b), gate: twice(gate) },
    ...{ k: tf.concat([k, b], 0), v: tf.concat([vWay, foundWay], 0) },
  });
  return tf.addN([read!, ...tf.split(carried, 2, 0)]) as tf.Tensor4D;
}

/** The values that are written, with β. */
function valuesOf({ v, beta }: TransitionVectors): tf.Tensor4D {
  return beta ? tf.mul(beta, v) : v;
}

function valuesAlong(
  { v, beta }: TransitionVectors,
  way: TransitionVectors,
): tf.Tensor4D {
  if (!beta) return way.v;
  return tf.add(tf.mul(beta, way.v), tf.mul(way.beta!, v));
}

/** The rows that read before the decay: of the delta rule -β e^g k. */
function readersOf({ k, a, beta, gate }: OneStep): tf.Tensor4D | undefined {
  if (!beta) return a;
  return tf.neg(tf.mul(beta, tf.mul(tf.exp(gate), k)));
}

function readersAlong(
  { k, beta, gate }: OneStep,
  way: OneStep,
): tf.Tensor4D | undefined {
  if (!beta) return way.a;
  const rows = tf.add(
    tf.mul(way.beta!, k),
    tf.mul(beta, tf.add(way.k, tf.mul(way.gate, k))),
  );
  return tf.neg(tf.mul(tf.exp(gate), rows));
}
