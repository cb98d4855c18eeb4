/**
 * The scores of attention with diagonal decays: products of queries and decayed keys.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { weighted } from "../decays/decay_pair.ts";

/** Log decays applied on arrival, `[...sequences, length, 1 or headDim]`, all <= 0. */
export interface ColumnDecays {
  /** The log decays on the way to a later token. */
  readonly forward: tf.Tensor;
  /** The log decays on the way to an earlier token; `null` if causal. */
  readonly backward: tf.Tensor | null;
}

/**
 * Below this size, the products of a block are summed by hand: many small
 * matrix products are slow, and WebGPU takes no more than 65,535 of them at
 * once.
 */
const SMALLEST_PRODUCT = 8;

/**
 * The weighted scores of a sequence:
 *
 *     A_ij = Σ_n q_in k_jn exp(f_{j+1,n} + … + f_{i,n})  for i > j
 *     A_ij = Σ_n q_in k_jn                               for i = j
 *     A_ij = Σ_n q_in k_jn exp(b_{i,n} + … + b_{j-1,n})  for i < j, or 0 without b
 *
 * With diagonal decays this is not a product of two matrices, unless all
 * paths pass through one place: then keys decay up to there, and queries from
 * there on. So the sequence is halved repeatedly. All paths between its two
 * halves pass through its middle, and each half is a shorter sequence; one
 * batched product covers the halves of all sequences. No exponent is above 0,
 * where the textbook's `(Q ∘ L)(K / L)ᵀ` overflows after some forty tokens of
 * e^-2.
 *
 * Source: LION (arXiv:2502.16249), Theorem B.1; the places on the way are
 * GLA's secondary chunks (arXiv:2312.06635, section 4.3), at every scale.
 *
 * @param q `[...sequences, length, headDim]`
 * @param k `[...sequences, length, headDim]`
 * @param decays Log decays, one per token and channel, or one per token.
 * @returns `[...sequences, length, length]`
 */
export function decayedScores(
  q: tf.Tensor,
  k: tf.Tensor,
  { forward, backward }: ColumnDecays,
): tf.Tensor {
  const before = q.shape.slice(0, -2);
  const length = q.shape.at(-2)!;
  const sequences = tf.util.sizeFromShape(before);
  const whole = 2 ** Math.ceil(Math.log2(length));
  const prepared = (x: tf.Tensor): tf.Tensor3D => {
    const columns = x.shape.at(-1)!;
    const flat: tf.Tensor3D = tf.reshape(x, [sequences, length, columns]);
    if (whole === length) return flat;
    return tf.pad(flat, [[0, 0], [0, whole - length], [0, 0]]);
  };
  const [queries, keys, f] = [q, k, forward].map(prepared);
  const b = backward && prepared(backward);

  let scores: tf.Tensor3D = tf.reshape(
    tf.sum(tf.mul(queries!, keys!), 2),
    [sequences * whole, 1, 1],
  );
  for (let size = 1; size < whole; size *= 2) {
    const halves = scores;
    scores = tf.tidy(() => mergedScores(halves, queries!, keys!, f!, b));
    halves.dispose();
  }
  const all = tf.reshape(scores, [sequences, whole, whole]);
  const kept = tf.slice(all, [0, 0, 0], [-1, length, length]);
  return tf.reshape(
    // The score of a single token has no decay; the gradient is zero, but it must exist.
    length > 1 ? kept : [f!, b].reduce<tf.Tensor>(
      (sum, x) => x ? tf.add(sum, tf.sum(tf.zerosLike(x), 2, true)) : sum,
      kept,
    ),
    [...before, length, length],
  );
}

/** Joins the scores of two halves into those of the whole run of tokens. */
function mergedScores(
  scores: tf.Tensor3D,
  queries: tf.Tensor3D,
  keys: tf.Tensor3D,
  forward: tf.Tensor3D,
  backward: tf.Tensor3D | null,
): tf.Tensor3D {
  const halves = (x: tf.Tensor3D) => halvesOf(x, scores.shape[1]);
  const [firstQueries, secondQueries] = halves(queries);
  const [firstKeys, secondKeys] = halves(keys);
  const [first, second] = halves(forward);
  const later = tf.tidy(() =>
    product(
      weighted(secondQueries, tf.cumsum(second, 1)),
      weighted(firstKeys, tf.cumsum(first, 1, true, true)),
    )
  );
  const earlier = tf.tidy(() => {
    if (!backward) return tf.zerosLike(later);
    const [first, second] = halves(backward);
    return product(
      weighted(firstQueries, tf.cumsum(first, 1, false, true)),
      weighted(secondKeys, tf.cumsum(second, 1, true)),
    );
  });
  const [firstScores, secondScores] = halves(scores);
  return tf.concat([
    tf.concat([firstScores, earlier], 2),
    tf.concat([later, secondScores], 2),
  ], 1) as tf.Tensor3D;
}

/** The first and the second half of each run of `2 · size` rows. */
function halvesOf(x: tf.Tensor3D, size: number): [tf.Tensor3D, tf.Tensor3D] {
  const columns = x.shape[2];
  const runs = x.size / columns / (2 * size);
  return tf.split(tf.reshape(x, [runs, 2 * size, columns]), 2, 1) as [
    tf.Tensor3D,
    tf.Tensor3D,
  ];
}

/** The dot products of all rows of x with all rows of y. */
function product(x: tf.Tensor3D, y: tf.Tensor3D): tf.Tensor3D {
  if (x.shape[1] >= SMALLEST_PRODUCT) {
    return tf.matMul(x, y, false, true) as tf.Tensor3D;
  }
  return tf.sum(tf.mul(tf.expandDims(x, 2), tf.expandDims(y, 1)), 3);
}
