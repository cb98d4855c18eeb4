/** The delta rule from left to right, token by token and chunk by chunk. @module */
import * as tf from "@tensorflow/tfjs-core";
import { decayedScores } from "./decayed_scores.ts";
import { unitTriangularInverse } from "./unit_triangular.ts";

/** The inputs of a sweep, each `[sequences, length, columns]`. */
export interface DeltaInputs {
  /** Queries, already scaled. */
  readonly q: tf.Tensor3D;
  /** Keys. */
  readonly k: tf.Tensor3D;
  /** Values. */
  readonly v: tf.Tensor3D;
  /** How much of the old value is replaced; one column. */
  readonly beta: tf.Tensor3D;
  /** Log decays, paid on arrival; 1 or headDim columns. */
  readonly gate: tf.Tensor3D;
}

/**
 * One way to compute, with a state S `[headDim, valueDim]`,
 *
 *     S'_i = diag(e^{g_i}) S_{i-1}
 *     S_i  = S'_i + k_i β_i (v_i - S'_iᵀ k_i)ᵀ
 *     y_i  = S_iᵀ q_i
 *
 * Differentiable in all inputs. Forms without chunks ignore `chunkSize`.
 *
 * @returns `[sequences, length, valueDim]`
 */
export type DeltaForm = (inputs: DeltaInputs, chunkSize: number) => tf.Tensor3D;

/**
 * Token by token: each writes only the difference between its value and what
 * the state already returns for its key. Linear in the length; the gradient
 * keeps all states.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174), section 4.2.
 */
export const deltaRecurrent: DeltaForm = (inputs) => {
  const { q: { shape: [sequences, , headDim] }, v } = inputs;
  return deltaFrom(tf.zeros([sequences, headDim, v.shape[2]]), inputs).y;
};

/**
 * Like {@linkcode deltaRecurrent}, but starts from the state that earlier
 * tokens left.
 *
 * @param before `[sequences, headDim, valueDim]`
 * @returns The outputs and the state after these tokens.
 */
export function deltaFrom(
  before: tf.Tensor3D,
  { q, k, v, beta, gate }: DeltaInputs,
): { y: tf.Tensor3D; state: tf.Tensor3D } {
  const length = q.shape[1];
  const [queries, keys, values, betas, kept] = [q, k, v, beta, tf.exp(gate)]
    .map((x) => pieces(x as tf.Tensor3D, length));
  let state = before;
  const outputs = queries!.map((query, i) => {
    const key = keys![i]!;
    const faded = tf.mul(state, tf.transpose(kept![i]!, [0, 2, 1]));
    const news = tf.sub(values![i]!, tf.matMul(key, faded));
    const written = tf.matMul(key, tf.mul(betas![i]!, news), true);
    state = tf.add(faded, written);
    return tf.matMul(query, state);
  });
  return { y: tf.concat(outputs, 1) as tf.Tensor3D, state };
}

/**
 * Chunk by chunk. What a token finds written depends on the tokens before it in
 * the chunk: a triangular system, whose solution U holds the values as they are
 * written. The rest is attention with decay:
 *
 *     (I + T) U = β ∘ (V - K_in H)    T_ij = β_i (k_i · k_j decayed), i > j
 *     Y  = Q_in H + A U               A_ij =      q_i · k_j decayed,  i >= j
 *     H' = e^{g of the chunk} ∘ H + K_outᵀ U
 *
 * where `_in` is decayed from the border of H to the token, and `_out` from the
 * token to the next border. The systems of all chunks are solved at once; only
 * U and H pass from chunk to chunk. No exponent is above 0. Where keys repeat
 * and β is close to 2, rounding errors do not fade: outputs are then accurate
 * to five digits, and to six token by token.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; with one gate
 * per token Gated DeltaNet (arXiv:2412.06464), section 3.3; with one per
 * channel Kimi Linear (arXiv:2510.26692).
 */
export const deltaChunkwise: DeltaForm = (inputs, chunkSize) => {
  const { q: { shape: [sequences, , headDim] }, v } = inputs;
  const before: tf.Tensor3D = tf.zeros([sequences, headDim, v.shape[2]]);
  return deltaChunkwiseFrom(before, inputs, chunkSize).y;
};

/**
 * Like {@linkcode deltaChunkwise}, but starts from the state that earlier tokens
 * left.
 *
 * @param before `[sequences, headDim, valueDim]`
 * @returns The outputs and the state after these tokens.
 */
export function deltaChunkwiseFrom(
  before: tf.Tensor3D,
  inputs: DeltaInputs,
  chunkSize: number,
): { y: tf.Tensor3D; state: tf.Tensor3D } {
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
  const [q, k, v, beta, gate] = [
    inputs.q,
    inputs.k,
    inputs.v,
    inputs.beta,
    inputs.gate,
  ].map(chunks) as [
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
  ];

  const decays = { forward: gate, backward: null };
  const weighted = tf.mul(beta, k) as tf.Tensor3D;
  const systems = decayedScores(weighted, k, decays) as tf.Tensor3D;
  const inverse = unitTriangularInverse(systems);
  const scores = decayedScores(q, k, decays);
  const entering = tf.exp(tf.cumsum(gate, 1));
  const leaving = tf.exp(tf.cumsum(gate, 1, true, true));
  const through = tf.transpose(tf.exp(tf.sum(gate, 1, true)), [0, 2, 1]);

  /** One tensor per chunk, `[sequences, 1, rows, columns]`. */
  const inTurn = (x: tf.Tensor) => {
    const [, rows, columns] = x.shape;
    const all = tf.reshape(x, [sequences, count, rows!, columns!]);
    return pieces(all as tf.Tensor4D, count);
  };
  const ofValues = inTurn(tf.matMul(inverse, tf.mul(beta, v)));
  const ofState = inTurn(tf.matMul(inverse, tf.mul(weighted, entering)));
  const writing = inTurn(tf.mul(k, leaving));
  const kept = inTurn(through);

  let state: tf.Tensor4D = tf.expandDims(before, 1);
  const states: tf.Tensor4D[] = [];
  const written: tf.Tensor4D[] = [];
  for (let i = 0; i < count; i++) {
    const news: tf.Tensor4D = tf.sub(
      ofValues[i]!,
      tf.matMul(ofState[i]!, state),
    );
    states.push(state);
    written.push(news);
    state = tf.add(
      tf.mul(state, kept[i]!),
      tf.matMul(writing[i]!, news, true),
    );
  }
  const together = (list: tf.Tensor4D[]): tf.Tensor3D => {
    const [, , rows, columns] = list[0]!.shape;
    return tf.reshape(tf.concat(list, 1), [sequences * count, rows, columns]);
  };
  const y = tf.add(
    tf.matMul(tf.mul(q, entering), together(states)),
    tf.matMul(scores, together(written)),
  );
  const whole = tf.reshape(y, [sequences, count * size, v.shape[2]]);
  return {
    y: tf.slice(whole, [0, 0, 0], [-1, length, -1]) as tf.Tensor3D,
    state: tf.squeeze(state, [1]),
  };
}

/** Like tf.split along axis 1, whose gradient fails for a single piece. */
function pieces<T extends tf.Tensor>(x: T, count: number): T[] {
  return count === 1 ? [x] : tf.split(x, count, 1);
}
