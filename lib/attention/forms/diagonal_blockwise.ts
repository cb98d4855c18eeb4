/** The blockwise form with diagonal decays. @module */
import * as tf from "@tensorflow/tfjs-core";
import "@lionjs/tfjs/kernel";
import { decayedScores } from "./decayed_scores.ts";
import { formInputs, recomputed } from "./form.ts";
import { type DiagonalDecayPair, weighted } from "../decays/decay_pair.ts";
import type { Columns } from "../decays/mask.ts";

/**
 * The blockwise form with diagonal decays: adds up, block by block, what all tokens read
 * from a block of keys. Paths
 * from the block to later readers pass through its end, paths to earlier
 * readers through its beginning; the scores inside it are
 * {@linkcode decayedScores}. The gradient recomputes the scores of each block.
 *
 * @returns `[batch, heads, length, columns]`
 */
export function diagonalBlockwise(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DiagonalDecayPair,
  blocks: readonly Columns[],
): tf.Tensor4D {
  const sum = (add: (block: Columns) => tf.Tensor[]): tf.Tensor[] =>
    blocks.reduce<tf.Tensor[]>((sums, block) => {
      const next = tf.tidy(() =>
        add(block).map((term, i) => sums[i] ? tf.add(sums[i], term) : term)
      );
      tf.dispose(sums);
      return next;
    }, []);
  return recomputed(formInputs(q, k, v, pair), {
    forward: (inputs) => sum((block) => [readBlock(inputs, block)])[0]!,
    backward: (inputs, gradient) =>
      sum((block) =>
        tf.grads((...inputs) => readBlock(inputs, block))(inputs, gradient)
      ),
  }) as tf.Tensor4D;
}

/** Computes what all tokens read from one block of keys. */
function readBlock(
  [q, k, v, forward, backward]: readonly (tf.Tensor | undefined)[],
  { start, size }: Columns,
): tf.Tensor {
  const length = q!.shape[2]!;
  const end = start + size;
  const inside = (x: tf.Tensor) => rows(x, start, end);
  const keys = inside(k!);
  const scores = [decayedScores(inside(q!), keys, {
    forward: inside(forward!),
    backward: backward ? inside(backward) : null,
  })];
  if (end < length) {
    const queries = rows(q!, end, length);
    const decayFromBlock = tf.cumsum(rows(forward!, end, length), 2);
    const decayToEnd = tf.cumsum(inside(forward!), 2, true, true);
    scores.push(tf.matMul(
      weighted(queries, decayFromBlock),
      weighted(keys, decayToEnd),
      false,
      true,
    ));
  }
  if (start > 0) {
    const queries = rows(q!, 0, start);
    scores.unshift(
      backward
        ? tf.matMul(
          weighted(
            queries,
            tf.cumsum(rows(backward, 0, start), 2, false, true),
          ),
          weighted(keys, tf.cumsum(inside(backward), 2, true)),
          false,
          true,
        )
        : tf.zeros([...queries.shape.slice(0, 3), size]),
    );
  }
  return tf.matMul(tf.concat(scores, 2), inside(v!));
}

/** The rows of the tokens `start`, …, `end - 1`. */
function rows(x: tf.Tensor, start: number, end: number): tf.Tensor {
  return tf.slice(x, [0, 0, start, 0], [-1, -1, end - start, -1]);
}
