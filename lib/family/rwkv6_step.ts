/** RWKV-6 on a sequence that arrives in parts. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../attention/streaming/stateful.ts";
import { withoutPadding } from "../operations/padding/padding.ts";
import type { CheckedRwkv6Inputs } from "./rwkv6.ts";

/**
 * Applies `rwkv6` to the next tokens, one or many. Together, the steps return
 * what `rwkv6` returns with `causal: true` for the whole sequence. Call it
 * inside `tf.tidy`.
 *
 * Queries are shifted one token earlier. The first one is then before the
 * tokens, where an empty token is put for it.
 *
 * @param before The state so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @param mask `[batch, length]`, 1 for a token, 0 for padding, which is
 * skipped.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function rwkv6Step(
  before: RecurrentState | undefined,
  { r, k, v, logDecay, bonus }: CheckedRwkv6Inputs,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: RecurrentState } {
  const [batch, heads, length, headDim] = r.shape;
  const sizes = { batch, heads, headDim, valueDim: v.shape[3] };
  const present = (x: tf.Tensor4D) => withoutPadding(x, mask);
  const padded = (x: tf.Tensor4D, side: "before" | "after"): tf.Tensor4D =>
    tf.pad(x, [[0, 0], [0, 0], side === "before" ? [1, 0] : [0, 1], [0, 0]]);
  const { y, state } = recurrentStep(
    before ?? recurrentState(sizes),
    {
      q: padded(r, "after"),
      k: padded(present(k), "before"),
      v: padded(present(v), "before"),
      logDecay: padded(present(logDecay), "before"),
    },
    { convention: "arrival", normalize: false, scale: 1 },
  );
  const neighbours = tf.slice(y, [0, 0, 0, 0], [-1, -1, length, -1]);
  const weight = tf.sum(
    tf.mul(tf.mul(r, k), tf.expandDims(bonus, 1)),
    3,
    true,
  );
  return { y: tf.add(neighbours, tf.mul(weight, v)), state };
}
