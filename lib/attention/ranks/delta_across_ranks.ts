/** The delta rule on a sequence whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../base/communicator.ts";
import {
  scanAcrossRanks,
  type StateMap,
} from "../../operations/token_ranks.ts";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";
import type { DeltaForm } from "../forms/delta_forms.ts";
import type { DeltaVectors } from "../forms/delta_inputs.ts";
import { deltaWithState } from "../planning/delta_with_state.ts";

/** Options of {@linkcode deltaAcrossRanks}. */
interface DeltaAcrossOptions {
  /** The factor of q · k in the output. */
  readonly scale: number;
  readonly form: DeltaForm;
  readonly chunkSize: number | undefined;
  readonly kernel: boolean;
}

/**
 * The delta rule for this rank's tokens, in both directions unless there is no
 * backward decay. A part of a sequence maps states by
 *
 *     S' = A S + B      y_i = y_i(0) + (P_iᵀ q_i)ᵀ S
 *
 * A single pass computes all of it: with values (v, 0), it takes the state (0, I) to
 * (B, A), with outputs (y_i(0), P_iᵀ q_i). Ranks pass on A and B. Call it inside
 * `tf.tidy`, with float32 tensors.
 *
 * Source: ours, after the chunked form of the delta rule.
 *
 * @param gates Log decays applied on arrival, `[batch, heads, length, 1 or headDim]`.
 * @returns `[batch, heads, length, valueDim]`
 */
export function deltaAcrossRanks(
  { q, k, v, beta }: DeltaVectors,
  { forward, backward }: DiagonalDecayPair,
  options: DeltaAcrossOptions,
  ranks: TokenRanks,
): tf.Tensor4D {
  const gates = { before: forward, after: backward };
  const inDirection = (side: "before" | "after"): tf.Tensor4D => {
    const turned = (x: tf.Tensor4D): tf.Tensor4D =>
      side === "before" ? x : tf.reverse(x, 2);
    const y = fromSide(
      side,
      {
        q: turned(q),
        k: turned(k),
        v: turned(v),
        beta: turned(beta),
      },
      turned(gates[side]!),
      options,
      ranks,
    );
    return turned(y);
  };
  const past = inDirection("before");
  if (!backward) return past;
  const scores = tf.mul(tf.sum(tf.mul(q, k), 3, true), options.scale);
  // Both directions count a token's own contribution.
  const selfTerm = tf.mul(tf.mul(beta, scores), v);
  return tf.sub(tf.add(past, inDirection("after")), selfTerm);
}

/**
 * The delta rule for this rank's tokens in one direction.
 *
 * @param side The side on which the tokens lie that are read.
 * @param vectors The vectors in the order in which tokens are visited, as is `gate`.
 */
function fromSide(
  side: "before" | "after",
  { v, ...others }: DeltaVectors,
  gate: tf.Tensor4D,
  { form, kernel, ...options }: DeltaAcrossOptions,
  ranks: TokenRanks,
): tf.Tensor4D {
  const [batch, heads, length, headDim] = others.q.shape;
  const valueDim = v.shape[3];
  const identity = tf.mul(
    tf.reshape(tf.eye(headDim), [1, 1, headDim, headDim]),
    tf.ones([batch, heads, 1, 1]),
  );
  const nothing = tf.zeros([batch, heads, headDim, valueDim]);
  const values = tf.concat([v, tf.zeros([batch, heads, length, headDim])], 3);
  const { y, state } = deltaWithState(
    { ...others, v: values as tf.Tensor4D },
    gate,
    tf.concat([nothing, identity], 3) as tf.Tensor4D,
    { ...options, form, kernel: kernel && form !== "recurrent" },
  );
  const apart = (x: tf.Tensor4D) =>
    tf.split(x, [valueDim, headDim], 3) as [tf.Tensor4D, tf.Tensor4D];
  const [written, transition] = apart(state);
  const before = scanAcrossRanks(
    side,
    { written, transition },
    joinMaps,
    ranks,
  );
  const [withoutState, reading] = apart(y);
  return tf.add(withoutState, tf.matMul(reading, before));
}

/** Composes two maps of states, the second after the first. */
function joinMaps(first: StateMap, second: StateMap): StateMap {
  const transition = second.transition!;
  return {
    written: tf.add(tf.matMul(transition, first.written), second.written),
    transition: tf.matMul(transition, first.transition!),
  };
}
