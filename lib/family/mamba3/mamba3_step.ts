/** Mamba-3 on a sequence that arrives in parts. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  recurrentState,
  recurrentStep,
} from "../../attention/streaming/stateful.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { turned } from "../../operations/turned/turned.ts";
import { anglesUntil } from "../../operations/turned/angles.ts";
import type { CheckedMamba3Inputs } from "./mamba3.ts";

/** The state of Mamba-3 after the earlier tokens. */
export type Mamba3State = {
  /** Sum of outer products of what has been written, `[batch, heads, headDim, valueDim + 1]`. */
  readonly sum: tf.Tensor4D;
  /** The last token's b, turned by all angles so far, `[batch, heads, 1, headDim]`. */
  readonly key: tf.Tensor4D;
  /** The last token's x, `[batch, heads, 1, valueDim]`. */
  readonly value: tf.Tensor4D;
  /** The sum of all angles so far, without whole turns, `[batch, heads, 1, angles]`; 0 if none turn. */
  readonly angle: tf.Tensor4D;
};

/**
 * Applies `mamba3` to the next tokens, one or many. Together, the steps return
 * what `mamba3` returns with `causal: true` for the whole sequence. Call it
 * inside `tf.tidy`.
 *
 * The last token before these ones, which is written again with the first of
 * them, is put before them, and read by none of its own.
 *
 * @param before The state so far, `undefined` before the first token; it is not
 * changed, and stays the caller's to dispose of.
 * @param mask `[batch, length]`, 1 for a token, 0 for padding, which is
 * skipped.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 */
export function mamba3Step(
  before: Mamba3State | undefined,
  { x, dt, a, b, c, phase, trapezoid, d }: CheckedMamba3Inputs,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: Mamba3State } {
  const [batch, heads, length, headDim] = b.shape;
  const valueDim = x.shape[3], angles = phase?.shape[3] ?? 1;
  const zeros = (columns: number): tf.Tensor4D =>
    tf.zeros([batch, heads, 1, columns]);
  const last = before ?? {
    ...recurrentState({ batch, heads, headDim, valueDim }),
    ...{ key: zeros(headDim), value: zeros(valueDim), angle: zeros(angles) },
  };
  const present = (x: tf.Tensor4D) => withoutPadding(x, mask);
  const ofTokens = (x: tf.Tensor3D) => present(tf.expandDims(x, 3));
  const steps = ofTokens(dt);
  const own: tf.Tensor4D = trapezoid
    ? tf.mul(steps, ofTokens(trapezoid))
    : steps;
  const again: tf.Tensor4D = tf.sub(steps, own);

  // The sum of the angles up to each token; up to its first one there is none.
  const until = phase &&
    tf.slice(
      anglesUntil(tf.concat([zeros(angles), last.angle, present(phase)], 2)),
      [0, 0, 1, 0],
      [-1, -1, -1, -1],
    ) as tf.Tensor4D;
  const turn = (x: tf.Tensor4D) =>
    until ? turned(x, tf.slice(until, [0, 0, 1, 0], [-1, -1, -1, -1])) : x;
  const tokens = present(x), write = present(b), read = present(c);
  const values = tf.concat([last.value, tokens], 2);
  const keys = tf.concat([last.key, turn(write)], 2);
  const { ofNext, ofLast } = neighbours(mask);
  const after = ofNext(again);
  const padded = (x: tf.Tensor4D): tf.Tensor4D =>
    tf.pad(x, [[0, 0], [0, 0], [1, 0], [0, 0]]);
  const { y, state } = recurrentStep(
    { sum: last.sum, due: tf.zeros([batch, heads]) },
    {
      q: padded(turn(read)),
      k: keys,
      v: tf.mul(values, tf.add(padded(own), after)),
      logDecay: tf.squeeze(padded(tf.mul(steps, ofTokens(a))), [3]),
    },
    { convention: "arrival", normalize: false, scale: 1 },
  );
  const ofToken = (x: tf.Tensor4D): tf.Tensor4D =>
    tf.slice(x, [0, 0, 1, 0], [-1, -1, length, -1]);
  const weight = tf.mul(tf.sum(tf.mul(read, write), 3, true), ofToken(after));
  const skipped = d
    ? tf.sub(tf.reshape(d, [-1, 1, 1]), weight)
    : tf.neg(weight);
  return {
    y: present(tf.add(ofToken(y), tf.mul(tokens, skipped))),
    state: {
      sum: state.sum,
      key: ofLast(keys),
      value: ofLast(values),
      angle: until
        ? tf.slice(until, [0, 0, length, 0], [-1, -1, 1, -1])
        : last.angle,
    },
  };
}

/** Finds tokens beside others, where padding may be between. */
interface Neighbours {
  /**
   * For the token before all and each token, x of the next one that is no
   * padding, 0 if there is none.
   *
   * @param x `[batch, heads, length, columns]`
   * @returns `[batch, heads, 1 + length, columns]`
   */
  ofNext(x: tf.Tensor4D): tf.Tensor4D;
  /**
   * x of the last token that is no padding.
   *
   * @param x Of the token before all, too, `[batch, heads, 1 + length, columns]`.
   * @returns `[batch, heads, 1, columns]`
   */
  ofLast(x: tf.Tensor4D): tf.Tensor4D;
}

function neighbours(mask: tf.Tensor2D | undefined): Neighbours {
  if (!mask) {
    return {
      ofNext: (x) => tf.pad(x, [[0, 0], [0, 0], [0, 1], [0, 0]]),
      ofLast: (x) => tf.slice(x, [0, 0, x.shape[2] - 1, 0], [-1, -1, 1, -1]),
    };
  }
  const [batch, length] = mask.shape;
  const isToken = tf.pad(mask, [[0, 0], [1, 0]], 1);
  const counts = tf.cumsum(isToken, 1);
  // The next token is the only one of its number that is no padding.
  const which = (numbers: tf.Tensor, rows: number): tf.Tensor =>
    tf.reshape(
      tf.mul(
        tf.cast(
          tf.equal(tf.expandDims(numbers, 2), tf.expandDims(counts, 1)),
          "float32",
        ),
        tf.expandDims(isToken, 1),
      ),
      [batch, 1, rows, length + 1],
    );
  const next = which(tf.add(counts, 1), length + 1);
  const last = which(tf.max(counts, 1, true), 1);
  return {
    ofNext: (x) =>
      tf.matMul(
        next,
        tf.pad(x, [[0, 0], [0, 0], [1, 0], [0, 0]]),
      ) as tf.Tensor4D,
    ofLast: (x) => tf.matMul(last, x) as tf.Tensor4D,
  };
}
