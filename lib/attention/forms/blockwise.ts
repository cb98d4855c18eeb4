/** The blockwise form: the full form, one slice of keys at a time. @module */
import * as tf from "@tensorflow/tfjs-core";
import { diagonalBlockwise } from "./diagonal_blockwise.ts";
import { type Form, formInputs, recomputed } from "./form.ts";
import { isDiagonal } from "../decays/decay_pair.ts";
import { type Columns, maskColumns, strictly } from "../decays/mask.ts";

/**
 * The blockwise form: for each block J of keys, Y += (Q K_Jᵀ ∘ M_J) V_J. It takes as
 * many operations as the full form, but holds only `length · chunkSize` scores at a
 * time; the gradient recomputes them block by block.
 *
 * Source: LION (arXiv:2502.16249), Theorem 3.2, LION-Chunk.
 */
export const blockwise: Form = (q, k, v, pair, chunkSize) => {
  const length = q.shape[2];
  const blocks: Columns[] = [];
  for (let start = 0; start < length; start += chunkSize) {
    blocks.push({ start, size: Math.min(chunkSize, length - start) });
  }
  if (pair && isDiagonal(pair)) return diagonalBlockwise(q, k, v, pair, blocks);

  const weightsOf = (columns: Columns, inputs: tf.Tensor[]) => {
    const [, , , forward, backward = null] = inputs;
    return forward && maskColumns({ forward, backward }, length, columns);
  };

  return recomputed(formInputs(q, k, v, pair), {
    forward: (inputs) => {
      const [q, k, v] = inputs as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      return blocks.reduce<tf.Tensor | null>(
        (sum, columns) =>
          replace(sum, () => {
            const weights = weightsOf(columns, inputs);
            const scores = tf.matMul(q, rows(k, columns), false, true);
            const part = tf.matMul(masked(scores, weights), rows(v, columns));
            return sum ? tf.add(sum, part) : part;
          }),
        null,
      )!;
    },

    backward: (inputs, dy) => {
      const [q, k, v] = inputs as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const dk: tf.Tensor[] = [];
      const dv: tf.Tensor[] = [];
      // dq, and the gradients in the log decays if any, are sums over the blocks.
      let sums: tf.Tensor[] = [];
      for (const columns of blocks) {
        const [dkOfBlock, dvOfBlock, ...terms] = tf.tidy(() => {
          const keys = rows(k, columns);
          const weights = weightsOf(columns, inputs);
          const attention = masked(
            tf.matMul(q, keys, false, true),
            weights,
          );
          const dAttention = tf.matMul(
            dy,
            rows(v, columns),
            false,
            true,
          );
          const dScores = masked(dAttention, weights);
          const terms = [tf.matMul(dScores, keys)];
          const dLogMask = tf.mul(dAttention, attention);
          SIDES.slice(0, inputs.length - 3).forEach((side) =>
            terms.push(logDecayGradient(side, dLogMask, length, columns))
          );
          return [
            tf.matMul(dScores, q, true),
            tf.matMul(attention, dy, true),
            ...terms.map((term, i) => sums[i] ? tf.add(sums[i]!, term) : term),
          ];
        });
        tf.dispose(sums);
        dk.push(dkOfBlock!);
        dv.push(dvOfBlock!);
        sums = terms;
      }
      const [dq, ...dLogDecays] = sums;
      return [
        dq!,
        tf.concat(dk, 2),
        tf.concat(dv, 2),
        ...dLogDecays,
      ];
    },
  }) as tf.Tensor4D;
};

/** Runs a step in a tidy and disposes of the tensor that the result replaces. */
function replace(old: tf.Tensor | null, step: () => tf.Tensor): tf.Tensor {
  const result = tf.tidy(step);
  old?.dispose();
  return result;
}

function rows(x: tf.Tensor4D, { start, size }: Columns): tf.Tensor4D {
  return tf.slice(x, [0, 0, start, 0], [-1, -1, size, -1]);
}

function masked(scores: tf.Tensor, weights: tf.Tensor | undefined): tf.Tensor {
  return weights ? tf.mul(scores, weights) : scores;
}

/** The sides of readers in the order of the inputs: f leads to those after the source, b to those before. */
const SIDES = ["after", "before"] as const;

/**
 * The gradient of f (or b) from E = dL/d(log M) of a block of columns: f_t lies
 * on the paths from j < t to i >= t, b_t on those from j > t to i <= t.
 */
function logDecayGradient(
  side: "after" | "before",
  dLogMask: tf.Tensor,
  length: number,
  columns: Columns,
): tf.Tensor {
  const crossing = strictly(side, length, columns);
  const paths = tf.mul(dLogMask, crossing);
  const alongPath = tf.cumsum(paths, 2, false, side === "after");
  return tf.sum(tf.mul(alongPath, crossing), -1);
}
