/** The delta rule on a sequence of which each rank has a part. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../contract/communicator.ts";
import { runKernel } from "../../contract/kernel.ts";
import { type Part, reaching } from "../../operations/token_ranks.ts";
import { deltaChunkwiseFrom, deltaFrom } from "../forms/delta_forms.ts";
import { DELTA_PIECE, planDelta } from "../planning/delta_kernel.ts";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";

/** Each `[batch, heads, length, columns]`, zeros at padding. */
type Vectors = Readonly<Record<"q" | "k" | "v" | "beta", tf.Tensor4D>>;

/** How it is computed. */
interface DeltaAcrossOptions {
  /** Multiplies q · k in the output. */
  readonly scale: number;
  /** Whether to go token by token. */
  readonly isRecurrent: boolean;
  readonly chunkSize: number | undefined;
  readonly kernel: boolean | undefined;
}

/**
 * The delta rule for this rank's tokens, from both ends unless there is no
 * backward decay. A part of a sequence maps states by
 *
 *     S' = A S + B      y_i = y_i(0) + (P_iᵀ q_i)ᵀ S
 *
 * All of it comes from a single pass: of values (v, 0) from the state (0, I) it
 * leaves (B, A), with outputs (y_i(0), P_iᵀ q_i). Ranks pass on A and B. Call it
 * inside `tf.tidy`, with float32 tensors.
 *
 * Source: ours, after the chunked form of the delta rule.
 *
 * @param gates Log decays paid on arrival, `[batch, heads, length, 1 or headDim]`.
 * @returns `[batch, heads, length, valueDim]`
 */
export function deltaAcrossRanks(
  { q, k, v, beta }: Vectors,
  { forward, backward }: DiagonalDecayPair,
  options: DeltaAcrossOptions,
  ranks: TokenRanks,
): tf.Tensor4D {
  const gates = { before: forward, after: backward };
  const ofSide = (side: "before" | "after"): tf.Tensor4D => {
    const turned = (x: tf.Tensor4D): tf.Tensor4D =>
      side === "before" ? x : tf.reverse(x, 2);
    const y = fromSide(
      side,
      {
        q: turned(q),
        k: turned(k),
        v: turned(v),
        beta: turned(beta),
        gate: turned(gates[side]!),
      },
      options,
      ranks,
    );
    return turned(y);
  };
  const ofPast = ofSide("before");
  if (!backward) return ofPast;
  const scores = tf.mul(tf.sum(tf.mul(q, k), 3, true), options.scale);
  // Each direction has counted it.
  const own = tf.mul(tf.mul(beta, scores), v);
  return tf.sub(tf.add(ofPast, ofSide("after")), own);
}

/** In the order in which the tokens are visited. */
interface Visited extends Vectors {
  readonly gate: tf.Tensor4D;
}

function fromSide(
  side: "before" | "after",
  { v, ...others }: Visited,
  options: DeltaAcrossOptions,
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
  const { y, state } = piece(
    tf.concat([nothing, identity], 3) as tf.Tensor4D,
    { ...others, v: values as tf.Tensor4D },
    options,
  );
  const apart = (x: tf.Tensor4D) =>
    tf.split(x, [valueDim, headDim], 3) as [tf.Tensor4D, tf.Tensor4D];
  const [written, through] = apart(state);
  const before = reaching(side, { written, through }, joinMaps, ranks);
  const [own, reading] = apart(y);
  return tf.add(own, tf.matMul(reading, before));
}

/** The second map after the first. */
function joinMaps(first: Part, second: Part): Part {
  const through = second.through!;
  return {
    written: tf.add(tf.matMul(through, first.written), second.written),
    through: tf.matMul(through, first.through!),
  };
}

/** The rule on these tokens from a state, and the state after them. */
function piece(
  before: tf.Tensor4D,
  { q, k, v, beta, gate }: Visited,
  { scale, isRecurrent, chunkSize, kernel = true }: DeltaAcrossOptions,
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  const [batch, heads, length, headDim] = q.shape;
  const plan = kernel && !isRecurrent && planDelta({
    ...{ batch, heads, length, headDim, valueDim: v.shape[3], chunkSize },
    ...{ diagonal: gate.shape[3] > 1, causal: true },
  }, DELTA_PIECE);
  if (plan && !("refusal" in plan)) {
    const inputs = { q, k, v, beta, f: gate, before };
    const attributes = { causal: true, scale, chunkSize: plan.chunkSize };
    const { y, forward } = runKernel(DELTA_PIECE, inputs, attributes);
    return { y: y as tf.Tensor4D, state: forward as tf.Tensor4D };
  }
  const flat = (x: tf.Tensor4D): tf.Tensor3D =>
    tf.reshape(x, [batch * heads, x.shape[2], x.shape[3]]);
  const inputs = {
    q: flat(tf.mul(q, scale)),
    k: flat(k),
    v: flat(v),
    beta: flat(beta),
    gate: flat(gate),
  };
  const { y, state } = isRecurrent
    ? deltaFrom(flat(before), inputs)
    : deltaChunkwiseFrom(flat(before), inputs, chunkSize ?? 64);
  return {
    y: tf.reshape(y, v.shape),
    state: tf.reshape(state, before.shape),
  };
}
