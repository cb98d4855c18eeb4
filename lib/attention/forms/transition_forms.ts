/** Transitions of rank one from left to right, token by token and chunk by chunk. @module */
import * as tf from "@tensorflow/tfjs-core";
import { shifted } from "../../operations/shift.ts";
import { type ColumnDecays, decayedScores } from "./decayed_scores.ts";
import {
  stepsOf,
  tokensPerChunk,
  type TransitionVectors,
} from "./transition_inputs.ts";
import { unitTriangularInverse } from "./unit_triangular.ts";

/** The inputs of a form, each `[sequences, steps, columns]`. */
interface Steps {
  /** Queries, already scaled; 0 at all steps of a token but the last. */
  readonly q: tf.Tensor3D;
  /** The keys, at which values are written. */
  readonly k: tf.Tensor3D;
  /** The values. */
  readonly v: tf.Tensor3D;
  /** The vectors that read the state; nothing does if `undefined`. */
  readonly a?: tf.Tensor3D | undefined;
  /** The places at which that is added; the keys if `undefined`. */
  readonly b?: tf.Tensor3D | undefined;
  /** β of the delta rule; one column. */
  readonly beta?: tf.Tensor3D | undefined;
  /** Log decays, applied on arrival; 1 or headDim columns. */
  readonly gate: tf.Tensor3D;
}

/**
 * One way to compute, from the state S_0 `[headDim, valueDim]` of earlier steps,
 *
 *     S_i = diag(e^{g_i}) S_{i-1} + b_i (S_{i-1}ᵀ a_i)ᵀ + k_i v_iᵀ
 *     y_i = S_iᵀ q_i
 *
 * By the delta rule, where there is a β, values are β v, b is β k, and a reads the state
 * after its decay. Differentiable in all inputs and the state. Forms without chunks
 * ignore `chunkSize`.
 *
 * @param before S_0, `[sequences, headDim, valueDim]`
 * @param chunkSize Steps per chunk.
 * @returns The outputs, `[sequences, steps, valueDim]`, and the state after all
 * steps.
 */
type Form = (
  before: tf.Tensor3D,
  inputs: Steps,
  chunkSize: number,
) => { y: tf.Tensor3D; state: tf.Tensor3D };

/** The names of the forms of transitions. */
export type TransitionForm = "recurrent" | "chunkwise";

/**
 * The recurrent form, step by step. Linear in the length; the gradient keeps all states.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174), section 4.2; with a and b
 * of their own, RWKV-7 (arXiv:2503.14456), equation 17.
 */
const recurrent: Form = (before, { q, gate, ...inputs }) => {
  const each = (x: tf.Tensor3D) => split(x, q.shape[1]);
  const given = (x: tf.Tensor3D | undefined) => x && each(x);
  const queries = each(q), kept = each(tf.exp(gate));
  const keys = each(inputs.k), values = each(inputs.v);
  const [readers, places, betas] = [inputs.a, inputs.b, inputs.beta].map(given);
  let state = before;
  const outputs = queries.map((query, i) => {
    const decayed = tf.mul(state, tf.transpose(kept[i]!, [0, 2, 1]));
    const found = readers &&
      tf.matMul(readers[i]!, betas ? decayed : state) as tf.Tensor3D;
    const value = found && !places ? tf.add(values[i]!, found) : values[i]!;
    const written = betas ? tf.mul(betas[i]!, value) : value;
    state = tf.add(decayed, tf.matMul(keys[i]!, written, true));
    if (places) state = tf.add(state, tf.matMul(places[i]!, found!, true));
    return tf.matMul(query, state);
  });
  return { y: tf.concat(outputs, 1) as tf.Tensor3D, state };
};

/**
 * The chunkwise form. What a step reads depends on the steps before it in the chunk: a
 * triangular system, whose solution Z holds what is added at b. The rest is attention
 * with decay:
 *
 *     X  = (I - T)⁻¹              T_ij = a_i · b_j decayed, i > j
 *     U  = X V                    W = X A_start
 *     Z  = U + W H
 *     Y  = Q_start H + P Z        P_ij = q_i · b_j decayed, i >= j
 *     H' = e^{g of the chunk} ∘ H + B_endᵀ Z
 *
 * where H is the state before the chunk, rows of Q_start and A_start are decayed
 * from the start of the chunk to the step, and those of B_end from the step to
 * the end. A path to a row of a ends one step earlier than one to a row of q, since a
 * reads before the decay; for the delta rule it does not. If b is not k, T' = a · k takes
 * values to what later steps read, U = X T' V, and the values are written too,
 * Y = … + P' V and H' = … + K_endᵀ V.
 *
 * U and W, the WY representation, are computed for all chunks at once; only Z and H pass
 * from chunk to chunk. No exponent is above 0. Where keys repeat and β is close to 2,
 * rounding errors do not fade: outputs are then accurate to five digits, and to six
 * token by token.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; with one gate
 * per token Gated DeltaNet (arXiv:2412.06464), section 3.3; with one per
 * channel Kimi Linear (arXiv:2510.26692). Rows of a before their decay: ours.
 */
const chunkwise: Form = (before, inputs, chunkSize) => {
  const [sequences, length] = inputs.q.shape;
  const size = Math.min(chunkSize, length);
  const count = Math.ceil(length / size);
  const padding = count * size - length;
  // Steps that fill up the last chunk have k = 0 and decay 1, so they change no state.
  const chunks = (x: tf.Tensor3D): tf.Tensor3D =>
    tf.reshape(
      padding ? tf.pad(x, [[0, 0], [0, padding], [0, 0]]) : x,
      [sequences * count, size, x.shape[2]],
    );
  const q = chunks(inputs.q), k = chunks(inputs.k), v = chunks(inputs.v);
  const gate = chunks(inputs.gate);
  const b = inputs.b ? chunks(inputs.b) : k;
  const isUntied = inputs.b !== undefined;

  const decays = { forward: gate, backward: null };
  const decayFromStart = tf.exp(tf.cumsum(gate, 1));
  const decayToEnd = tf.exp(tf.cumsum(gate, 1, true, true));
  const chunkDecay = tf.transpose(tf.exp(tf.sum(gate, 1, true)), [0, 2, 1]);

  /** One tensor per chunk, `[sequences, 1, rows, columns]`. */
  const perChunk = (x: tf.Tensor) => {
    const [, rows, columns] = x.shape;
    const all = tf.reshape(x, [sequences, count, rows!, columns!]);
    return split(all as tf.Tensor4D, count);
  };
  const system = inputs.a && triangularSystem(
    chunks(inputs.a),
    inputs.beta && chunks(inputs.beta),
  );
  const values = perChunk(v);
  const addedToEnd = perChunk(tf.mul(b, decayToEnd));
  const keysToEnd = isUntied ? perChunk(tf.mul(k, decayToEnd)) : undefined;
  const chunkDecays = perChunk(chunkDecay);

  let state: tf.Tensor4D = tf.expandDims(before, 1);
  const states: tf.Tensor4D[] = [];
  const added: tf.Tensor4D[] = [];
  for (let i = 0; i < count; i++) {
    const z: tf.Tensor4D = system
      ? tf.add(system.u[i]!, tf.matMul(system.w[i]!, state))
      : values[i]!;
    states.push(state);
    added.push(z);
    state = tf.add(
      tf.mul(state, chunkDecays[i]!),
      tf.matMul(addedToEnd[i]!, z, true),
    );
    if (!keysToEnd) continue;
    state = tf.add(state, tf.matMul(keysToEnd[i]!, values[i]!, true));
  }
  const together = (list: tf.Tensor4D[]): tf.Tensor3D => {
    const [, , rows, columns] = list[0]!.shape;
    return tf.reshape(tf.concat(list, 1), [sequences * count, rows, columns]);
  };
  const read = tf.add(
    tf.matMul(tf.mul(q, decayFromStart), together(states)),
    tf.matMul(decayedScores(q, b, decays), together(added)),
  );
  const y = isUntied
    ? tf.add(read, tf.matMul(decayedScores(q, k, decays), v))
    : read;
  const whole = tf.reshape(y, [sequences, count * size, v.shape[2]]);
  return {
    y: tf.slice(whole, [0, 0, 0], [-1, length, -1]) as tf.Tensor3D,
    state: tf.squeeze(state, [1]),
  };

  /** U and W of all chunks. */
  function triangularSystem(readers: tf.Tensor3D, beta?: tf.Tensor3D) {
    const a = beta ? tf.mul(beta, readers) as tf.Tensor3D : readers;
    const scores = beta ? decayedScores : scoresBeforeDecay;
    const found = scores(a, b, decays) as tf.Tensor3D;
    const inverse = unitTriangularInverse(tf.neg(found));
    const sources = isUntied
      ? tf.matMul(scores(a, k, decays), v)
      : beta
      ? tf.mul(beta, v)
      : v;
    const decay = beta ? decayFromStart : tf.exp(tf.cumsum(gate, 1, true));
    return {
      u: perChunk(tf.matMul(inverse, sources as tf.Tensor3D)),
      w: perChunk(tf.matMul(inverse, tf.mul(a, decay) as tf.Tensor3D)),
    };
  }
};

/**
 * The products of rows that read before their decay with rows of earlier steps:
 * paths end one step earlier than those of {@linkcode decayedScores}.
 *
 * @param a `[sequences, length, headDim]`
 * @param b `[sequences, length, headDim]`
 * @returns `[sequences, length, length]`, 0 on the diagonal and above.
 */
function scoresBeforeDecay(
  a: tf.Tensor3D,
  b: tf.Tensor3D,
  decays: ColumnDecays,
): tf.Tensor3D {
  const scores = decayedScores(shifted(a, -1, 1), b, decays);
  return shifted(scores, 1, 1) as tf.Tensor3D;
}

const FORMS: Readonly<Record<TransitionForm, Form>> = { recurrent, chunkwise };

/**
 * Runs a form on all heads of all sequences.
 *
 * @param vectors The vectors, with queries already scaled.
 * @param gate Log decays applied on arrival, `[batch, heads, length, 1 or headDim]`.
 * @param before The state of earlier tokens,
 * `[batch, heads, headDim, valueDim]`; zero if `undefined`.
 * @param chunkSize Tokens per chunk. @default as many as have at most 64 steps
 * @returns `[batch, heads, length, valueDim]`, and the state after all tokens, like
 * `before`.
 */
export function runTransitionForm(
  form: TransitionForm,
  { q, k, v, beta, ...vectors }: TransitionVectors,
  gate: tf.Tensor4D,
  before: tf.Tensor4D | undefined,
  chunkSize?: number,
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  const [batch, heads, length, headDim] = q.shape, valueDim = v.shape[3];
  const steps = stepsOf({ q, k });
  const flat = (x: tf.Tensor4D): tf.Tensor3D =>
    tf.reshape(x, [batch * heads, x.shape[2], x.shape[3]]);
  /** A row for each step: that of the token at one of them, and zeros. */
  const atStep = (x: tf.Tensor4D, place: number): tf.Tensor3D => {
    const columns = x.shape[3], rows = batch * heads * length;
    const pads: [number, number] = [place, steps - 1 - place];
    const each = steps === 1
      ? x
      : tf.pad(tf.reshape(x, [rows, 1, columns]), [[0, 0], pads, [0, 0]]);
    return tf.reshape(each, [batch * heads, length * steps, columns]);
  };
  // The delta rule subtracts what its key finds.
  const a = beta ? tf.neg(k) as tf.Tensor4D : vectors.a;
  const { y, state } = FORMS[form](
    before ? flat(before) : tf.zeros([batch * heads, headDim, valueDim]),
    {
      q: atStep(q, steps - 1),
      k: flat(k),
      v: flat(v),
      a: a && flat(a),
      b: vectors.b && flat(vectors.b),
      beta: beta && flat(beta),
      gate: atStep(gate, 0),
    },
    steps * (chunkSize ?? tokensPerChunk(64, steps)),
  );
  const last = steps === 1 ? y : tf.slice(
    tf.reshape(y, [batch * heads * length, steps, valueDim]),
    [0, steps - 1, 0],
    [-1, 1, -1],
  );
  return {
    y: tf.reshape(last, [batch, heads, length, valueDim]),
    state: tf.reshape(state, [batch, heads, headDim, valueDim]),
  };
}

/** Like tf.split along axis 1, whose gradient fails for a single part. */
function split<T extends tf.Tensor>(x: T, count: number): T[] {
  return count === 1 ? [x] : tf.split(x, count, 1);
}
