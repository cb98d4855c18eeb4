/**
 * Attention within a piece of a sequence, to which two states stand for the
 * tokens on either side.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../../contract/kernel.ts";
import { isRecording } from "../../contract/tape.ts";
import { withoutPadding } from "../../operations/padding.ts";
import { chunkwise } from "../forms/chunkwise.ts";
import {
  causalPair,
  type LogDecayPair,
  withoutBackward,
} from "../decays/decay_pair.ts";
import { formInputs } from "../forms/form.ts";
import { type DiagonalDecayPair, isDiagonal } from "../decays/decay_pair.ts";
import { ATTENTION, type KernelRequest, planForm, runForm } from "./kernel.ts";
import {
  divided,
  SMALLEST_EPSILON,
  splitSums,
  withOnes,
} from "../forms/normalizer.ts";

/**
 * What tokens outside of a piece have written,
 * `[batch, heads, headDim, valueDim + 1]`: the sum of k_j (v_j, 1)ᵀ, each
 * decayed from its token to the border of the piece; the last column yields the
 * row sums. A state has not yet paid the decay of arriving at the piece. A
 * missing state is zero.
 */
export interface PieceStates {
  /** The forward state after the token to the left of the piece. */
  readonly before?: tf.Tensor4D | undefined;
  /**
   * The backward state after the token to the right of the piece; none if
   * causal.
   */
  readonly after?: tf.Tensor4D | undefined;
}

/**
 * Options of {@linkcode attendPiece}: those of lionAttention, without defaults.
 */
export interface PieceOptions extends PieceStates {
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** Added to the row sum, after `scale`. */
  readonly epsilon: number;
  /** `[batch, length]` of float32, 0 at padding, if there is padding. */
  readonly tokens?: tf.Tensor2D | undefined;
  /** Whether a fused kernel may compute it. @default true */
  readonly kernel?: boolean | undefined;
  /** Tokens per chunk. @default the kernel's choice, or 64 */
  readonly chunkSize?: number | undefined;
}

/** The results of a piece. */
export interface Piece {
  /** `[batch, heads, length, valueDim]` */
  readonly y: tf.Tensor4D;
  /** The forward state after the last token: the next piece's `before`. */
  readonly forward: tf.Tensor4D;
  /**
   * The backward state after the first token: the `after` of the piece to the
   * left; `null` if causal.
   */
  readonly backward: tf.Tensor4D | null;
}

/** Tokens per chunk. */
const CHUNK = 64;

/**
 * Attention of the tokens of a piece to each other and to the states on both
 * sides, H and T:
 *
 *     Y_i = Σ_j M_ij s (q_i · k_j) v_j
 *         + s exp(f_1 + … + f_i) q_iᵀ H + s exp(b_i + … + b_L) q_iᵀ T
 *
 * with log decays f and b paid on arrival, including f_1 and b_L at the
 * borders, which the forms never read. With one decay per channel, each row of
 * a state pays its own. Pieces that pass their states on give the same result
 * as the forms give for the whole. Differentiable in all inputs except
 * `tokens`. Call it inside `tf.tidy`, with checked shapes and float32 tensors.
 *
 * Source: ours; the states between the chunks of the chunkwise form.
 *
 * @param q `[batch, heads, length, headDim]`
 * @param k `[batch, heads, length, headDim]`
 * @param v `[batch, heads, length, valueDim]`
 * @param pair Log decays of the piece, or `null` where nothing decays.
 * @param options See {@linkcode PieceOptions}.
 * @returns See {@linkcode Piece}.
 */
export function attendPiece(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  options: PieceOptions,
): Piece {
  const { causal, tokens, kernel = true } = options;
  const decays = !causal
    ? pair
    : pair && isDiagonal(pair)
    ? withoutBackward(pair)
    : causalPair(pair as LogDecayPair | null, [q.shape[1], q.shape[2]]);
  // The gradient goes through the operations below, where attention inside the
  // piece is a kernel with its own gradient.
  if (kernel && !isRecording()) {
    const chunkSize = kernelChunk(q, v, decays, { ...options, states: true });
    if (chunkSize) return runPiece(q, k, v, decays, options, chunkSize);
  }
  const read = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
  const keys = read(k), values = withOnes(read(v));
  return {
    y: readPiece(q, k, v, decays, options),
    forward: carryState(
      "before",
      options.before,
      keys,
      values,
      decays?.forward ?? null,
    ),
    backward: causal ? null : carryState(
      "after",
      options.after,
      keys,
      values,
      decays?.backward ?? null,
    ),
  };
}

/**
 * Only the outputs of {@linkcode attendPiece}.
 *
 * @param pair Log decays of the piece; if causal, not `null`, and without the
 * backward ones.
 */
export function readPiece(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  options: PieceOptions,
): tf.Tensor4D {
  const { causal, scale, normalize, epsilon, tokens } = options;
  const { kernel = true, chunkSize: wanted } = options;
  const read = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
  const queries = read(q), keys = read(k), values = withOnes(read(v));
  const scaled = tf.mul(queries, scale) as tf.Tensor4D;

  const attributes = { causal, scale, normalize: false, epsilon: 0 };
  const chunkSize = kernel &&
    kernelChunk(q, values, pair, { ...attributes, chunkSize: wanted });
  let sums = chunkSize
    ? runForm("chunkwise", queries, keys, values, pair, {
      ...attributes,
      chunkSize,
      precision: "f32",
    }, undefined)
    : chunkwise(scaled, keys, values, pair, wanted ?? CHUNK);
  if (options.before) {
    const forward = pair?.forward ?? null;
    sums = readState("before", scaled, options.before, forward, sums);
  }
  if (options.after && !causal) {
    const backward = pair?.backward ?? null;
    sums = readState("after", scaled, options.after, backward, sums);
  }
  return read(normalize ? divided(sums, epsilon, tokens) : splitSums(sums)[0]);
}

/**
 * Tokens per chunk of the current backend's kernel, or `null` if it has none
 * for this problem.
 */
function kernelChunk(
  { shape: [batch, heads, length, headDim] }: tf.Tensor4D,
  { shape: [, , , valueDim] }: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  { causal, normalize, states = false, chunkSize }:
    & Pick<KernelRequest, "causal" | "normalize" | "states">
    & Partial<Pick<KernelRequest, "chunkSize">>,
): number | null {
  const plan = planForm("chunkwise", {
    batch,
    heads,
    length,
    headDim,
    valueDim,
    decays: pair !== null,
    diagonal: pair !== null && isDiagonal(pair),
    causal,
    normalize,
    chunkSize,
    precision: "f32",
    states,
  });
  return "refusal" in plan ? null : plan.chunkSize;
}

/** Runs the piece as one kernel. */
function runPiece(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  { causal, scale, normalize, epsilon, tokens, before, after }: PieceOptions,
  chunkSize: number,
): Piece {
  const [, , , f, b] = formInputs(q, k, v, pair);
  const { y, forward, backward } = runKernel(ATTENTION.chunkwise, {
    ...{ q, k, v, f, b, mask: tokens, before },
    after: causal ? undefined : after,
  }, {
    causal,
    scale,
    normalize,
    epsilon: tokens ? Math.max(epsilon, SMALLEST_EPSILON) : epsilon,
    chunkSize,
    precision: "f32",
    states: true,
  });
  return {
    y: y as tf.Tensor4D,
    forward: forward as tf.Tensor4D,
    backward: (backward ?? null) as tf.Tensor4D | null,
  };
}

/**
 * Only the states of {@linkcode attendPiece}, for a pass that needs no output.
 *
 * @param k `[batch, heads, length, headDim]`
 * @param v `[batch, heads, length, valueDim]`
 * @param pair Log decays of the piece, or `null` where nothing decays.
 * @param side Which state to pass on: the forward or the backward one.
 * @param state The incoming state, if any.
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is
 * padding.
 * @returns The state on the other side of the piece.
 */
export function passPiece(
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  side: keyof PieceStates,
  state: tf.Tensor4D | undefined,
  tokens?: tf.Tensor2D,
): tf.Tensor4D {
  const read = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
  const logDecay = side === "before" ? pair?.forward : pair?.backward;
  return carryState(side, state, read(k), withOnes(read(v)), logDecay ?? null);
}

/** sums_i + exp(the decays from the border to token i) q_iᵀ state */
function readState(
  side: keyof PieceStates,
  queries: tf.Tensor4D,
  state: tf.Tensor4D,
  logDecay: tf.Tensor3D | tf.Tensor4D | null,
  sums: tf.Tensor4D,
): tf.Tensor4D {
  const entering = logDecay && tf.cumsum(logDecay, 2, false, side === "after");
  return tf.add(sums, tf.matMul(weighted(queries, entering), state));
}

/** exp(all decays) state + Σ_j exp(the decays from token j to the far border) k_j (v_j, 1)ᵀ */
function carryState(
  side: keyof PieceStates,
  state: tf.Tensor4D | undefined,
  keys: tf.Tensor4D,
  values: tf.Tensor4D,
  logDecay: tf.Tensor3D | tf.Tensor4D | null,
): tf.Tensor4D {
  // Summed by itself: the total minus the sum up to the token would cancel.
  const leaving = logDecay && tf.cumsum(logDecay, 2, true, side === "before");
  const written = tf.matMul(weighted(keys, leaving), values, true);
  if (!state) return written as tf.Tensor4D;
  const through = logDecay && tf.sum(logDecay, 2, true);
  return tf.add(through ? decayed(state, through) : state, written);
}

/** Multiplies the rows of x, or each entry, by exponentials of log weights. */
function weighted(x: tf.Tensor4D, logWeight: tf.Tensor | null): tf.Tensor4D {
  if (!logWeight) return x;
  const ofRows = logWeight.rank === 3;
  return tf.mul(x, tf.exp(ofRows ? tf.expandDims(logWeight, 3) : logWeight));
}

/**
 * The state after paying the decays of one token.
 *
 * @param state `[batch, heads, headDim, valueDim + 1]`
 * @param logDecay `[batch or 1, heads, 1]`, or `[batch, heads, 1, headDim]` where
 * each row of the state pays its own.
 */
export function decayed(
  state: tf.Tensor4D,
  logDecay: tf.Tensor,
): tf.Tensor4D {
  const [batch, heads] = logDecay.shape;
  const ofRows = tf.reshape(logDecay, [batch!, heads!, -1, 1]);
  return tf.mul(state, tf.exp(ofRows));
}
