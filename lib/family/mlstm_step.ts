/** mLSTM on a sequence that arrives in parts. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../operations/log_sigmoid/log_sigmoid.ts";
import { LOWEST_LOG_DECAY } from "../operations/finite_decay/finite_decay.ts";
import { withOnes } from "../attention/forms/normalizer.ts";
import {
  recurrentState,
  recurrentStep,
} from "../attention/streaming/stateful.ts";
import { largestWeights } from "./largest_weights.ts";
import { bounded, type CheckedMlstmInputs, hidePadding } from "./mlstm.ts";

/** The state of mLSTM after the earlier tokens. */
export type MlstmState = {
  /** Sum of outer products by their relative weights, `[batch, heads, headDim, valueDim + 2]`. */
  readonly sum: tf.Tensor4D;
  /**
   * Log decays to apply before the next token: zeros, since mLSTM's are applied
   * on arrival.
   */
  readonly due: tf.Tensor2D | tf.Tensor3D;
  /** Logarithm of the largest weight so far, `[batch, heads, 1]`. */
  readonly largest: tf.Tensor3D;
};

/**
 * Applies `mlstm` to the next tokens, one or many. Together, the steps return
 * what `mlstm` returns with `causal: true` for the whole sequence. Call it
 * inside `tf.tidy`.
 *
 * @param before The state so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @param mask `[batch, length]`, 1 for a token, 0 for padding, which is
 * skipped.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function mlstmStep(
  before: MlstmState | undefined,
  { q, k, v, inputGate, forgetGate }: CheckedMlstmInputs,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: MlstmState } {
  const [batch, heads, length, headDim] = q.shape;
  const sizes = { batch, heads, headDim, valueDim: v.shape[3] + 1 };
  const logWeights = mask ? hidePadding(inputGate, mask) : inputGate;
  const forget = logSigmoid(forgetGate);
  const kept = mask ? tf.mul(forget, tf.expandDims(mask, 1)) : forget;
  const last = before?.largest ??
    tf.fill([batch, heads, 1], LOWEST_LOG_DECAY) as tf.Tensor3D;
  // The state of earlier tokens enters as one token before the new ones.
  const largest = largestWeights(
    tf.concat([last, logWeights], 2),
    tf.concat([tf.zerosLike(last), kept], 2) as tf.Tensor3D,
    "before",
  );
  const [from, to] = [0, 1].map((start) =>
    tf.slice(largest, [0, 0, start], [-1, -1, length])
  ) as [tf.Tensor3D, tf.Tensor3D];
  const weights = tf.exp(tf.sub(logWeights, to));
  const { y, state } = recurrentStep(
    before ?? recurrentState(sizes),
    {
      q,
      k: tf.mul(k, tf.expandDims(weights, 3)),
      v: withOnes(v),
      logDecay: tf.add(kept, tf.sub(from, to)) as tf.Tensor3D,
      mask,
    },
    { convention: "arrival", normalize: false },
  );
  return {
    y: bounded(y, to),
    state: {
      ...state,
      largest: tf.slice(largest, [0, 0, length], [-1, -1, 1]),
    },
  };
}
