/** The delta rule from left to right, token by token and chunk by chunk. @module */
import * as tf from "@tensorflow/tfjs-core";
import { decayedScores } from "./decayed_scores.ts";
import type { DeltaVectors } from "./delta_inputs.ts";
import { unitTriangularInverse } from "./unit_triangular.ts";

/** The inputs of a form of the delta rule, each `[sequences, length, columns]`. */
interface DeltaInputs {
  /** Queries, already scaled. */
  readonly q: tf.Tensor3D;
  /** The keys. */
  readonly k: tf.Tensor3D;
  /** The values. */
  readonly v: tf.Tensor3D;
  /** β, how much of the old value is replaced; one column. */
  readonly beta: tf.Tensor3D;
  /** Log decays, applied on arrival; 1 or headDim columns. */
  readonly gate: tf.Tensor3D;
}

/**
 * One way to compute, from the state S_0 `[headDim, valueDim]` of earlier tokens,
 *
 *     S'_i = diag(e^{g_i}) S_{i-1}
 *     S_i  = S'_i + k_i β_i (v_i - S'_iᵀ k_i)ᵀ
 *     y_i  = S_iᵀ q_i
 *
 * Differentiable in all inputs and the state. Forms without chunks ignore
 * `chunkSize`.
 *
 * @param before S_0, `[sequences, headDim, valueDim]`
 * @returns The outputs, `[sequences, length, valueDim]`, and the state after all
 * tokens.
 */
type Form = (
  before: tf.Tensor3D,
  inputs: DeltaInputs,
  chunkSize: number,
) => { y: tf.Tensor3D; state: tf.Tensor3D };

/** The names of the forms of the delta rule. */
export type DeltaForm = "recurrent" | "chunkwise";

/**
 * The recurrent form, token by token: each writes only the difference between its
 * value and what the state already returns for its key. Linear in the length; the
 * gradient keeps all states.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174), section 4.2.
 */
const recurrent: Form = (before, { q, k, v, beta, gate }) => {
  const length = q.shape[1];
  const [queries, keys, values, betas, kept] = [q, k, v, beta, tf.exp(gate)]
    .map((x) => split(x as tf.Tensor3D, length));
  let state = before;
  const outputs = queries!.map((query, i) => {
    const key = keys![i]!;
    const decayed = tf.mul(state, tf.transpose(kept![i]!, [0, 2, 1]));
    const vNew = tf.sub(values![i]!, tf.matMul(key, decayed));
    const written = tf.matMul(key, tf.mul(betas![i]!, vNew), true);
    state = tf.add(decayed, written);
    return tf.matMul(query, state);
  });
  return { y: tf.concat(outputs, 1) as tf.Tensor3D, state };
};

/**
 * The chunkwise form. What a token reads for its key depends on the tokens before it
 * in the chunk: a triangular system, whose solution V_new holds the values as they
 * are written. The rest is attention with decay:
 *
 *     X  = (I + T)⁻¹           T_ij = β_i (k_i · k_j decayed), i > j
 *     U  = X (β ∘ V)           W = X (β ∘ K_start)
 *     V_new = U - W H
 *     Y  = Q_start H + A V_new      A_ij = q_i · k_j decayed,  i >= j
 *     H' = e^{g of the chunk} ∘ H + K_endᵀ V_new
 *
 * where H is the state before the chunk, rows of Q_start and K_start are decayed
 * from the start of the chunk to the token, and those of K_end from the token to
 * the end. U and W, the WY representation, are computed for all chunks at once;
 * only V_new and H pass from chunk to chunk. No exponent is above 0. Where keys repeat
 * and β is close to 2, rounding errors do not fade: outputs are then accurate
 * to five digits, and to six token by token.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; with one gate
 * per token Gated DeltaNet (arXiv:2412.06464), section 3.3; with one per
 * channel Kimi Linear (arXiv:2510.26692).
 */
const chunkwise: Form = (before, inputs, chunkSize) => {
  const [sequences, length] = inputs.q.shape;
  const size = Math.min(chunkSize, length);
  const count = Math.ceil(length / size);
  const padding = count * size - length;
  // Padding tokens have k = 0 and decay 1, so they change no state.
  const chunks = (x: tf.Tensor3D): tf.Tensor3D =>
    tf.reshape(
      padding ? tf.pad(x, [[0, 0], [0, padding], [0, 0]]) : x,
      [sequences * count, size, x.shape[2]],
    );
  const q = chunks(inputs.q), k = chunks(inputs.k), v = chunks(inputs.v);
  const beta = chunks(inputs.beta), gate = chunks(inputs.gate);

  const decays = { forward: gate, backward: null };
  const betaKeys = tf.mul(beta, k) as tf.Tensor3D;
  const systems = decayedScores(betaKeys, k, decays) as tf.Tensor3D;
  const inverse = unitTriangularInverse(systems);
  const scores = decayedScores(q, k, decays);
  const decayFromStart = tf.exp(tf.cumsum(gate, 1));
  const decayToEnd = tf.exp(tf.cumsum(gate, 1, true, true));
  const chunkDecay = tf.transpose(tf.exp(tf.sum(gate, 1, true)), [0, 2, 1]);

  /** One tensor per chunk, `[sequences, 1, rows, columns]`. */
  const perChunk = (x: tf.Tensor) => {
    const [, rows, columns] = x.shape;
    const all = tf.reshape(x, [sequences, count, rows!, columns!]);
    return split(all as tf.Tensor4D, count);
  };
  const u = perChunk(tf.matMul(inverse, tf.mul(beta, v)));
  const w = perChunk(tf.matMul(inverse, tf.mul(betaKeys, decayFromStart)));
  const keysToEnd = perChunk(tf.mul(k, decayToEnd));
  const chunkDecays = perChunk(chunkDecay);

  let state: tf.Tensor4D = tf.expandDims(before, 1);
  const states: tf.Tensor4D[] = [];
  const written: tf.Tensor4D[] = [];
  for (let i = 0; i < count; i++) {
    const vNew: tf.Tensor4D = tf.sub(u[i]!, tf.matMul(w[i]!, state));
    states.push(state);
    written.push(vNew);
    state = tf.add(
      tf.mul(state, chunkDecays[i]!),
      tf.matMul(keysToEnd[i]!, vNew, true),
    );
  }
  const together = (list: tf.Tensor4D[]): tf.Tensor3D => {
    const [, , rows, columns] = list[0]!.shape;
    return tf.reshape(tf.concat(list, 1), [sequences * count, rows, columns]);
  };
  const y = tf.add(
    tf.matMul(tf.mul(q, decayFromStart), together(states)),
    tf.matMul(scores, together(written)),
  );
  const whole = tf.reshape(y, [sequences, count * size, v.shape[2]]);
  return {
    y: tf.slice(whole, [0, 0, 0], [-1, length, -1]) as tf.Tensor3D,
    state: tf.squeeze(state, [1]),
  };
};

const FORMS: Readonly<Record<DeltaForm, Form>> = { recurrent, chunkwise };

/**
 * Runs a form on all heads of all sequences.
 *
 * @param vectors The vectors, with queries already scaled.
 * @param gate Log decays applied on arrival, `[batch, heads, length, 1 or headDim]`.
 * @param before The state of earlier tokens,
 * `[batch, heads, headDim, valueDim]`; zero if `undefined`.
 * @param chunkSize Tokens per chunk; 64 by default.
 * @returns `[batch, heads, length, valueDim]`, and the state after all tokens,
 * `[batch · heads, headDim, valueDim]`.
 */
export function runDeltaForm(
  form: DeltaForm,
  { q, k, v, beta }: DeltaVectors,
  gate: tf.Tensor4D,
  before: tf.Tensor4D | undefined,
  chunkSize = 64,
): { y: tf.Tensor4D; state: tf.Tensor3D } {
  const [batch, heads, , headDim] = q.shape, valueDim = v.shape[3];
  const flat = (x: tf.Tensor4D): tf.Tensor3D =>
    tf.reshape(x, [batch * heads, x.shape[2], x.shape[3]]);
  const inputs = {
    q: flat(q),
    k: flat(k),
    v: flat(v),
    beta: flat(beta),
    gate: flat(gate),
  };
  const { y, state } = FORMS[form](
    before ? flat(before) : tf.zeros([batch * heads, headDim, valueDim]),
    inputs,
    chunkSize,
  );
  return { y: tf.reshape(y, v.shape), state };
}

/** Like tf.split along axis 1, whose gradient fails for a single part. */
function split<T extends tf.Tensor>(x: T, count: number): T[] {
  return count === 1 ? [x] : tf.split(x, count, 1);
}
