/**
 * Attention of a piece of a sequence, which knows the tokens on either side only
 * by two states.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../contract/kernel.ts";
import { isRecording } from "../contract/tape.ts";
import { withoutPadding } from "../operations/padding.ts";
import { chunkwise } from "./chunkwise.ts";
import {
  causalPair,
  type LogDecayPair,
  withoutBackward,
} from "./decay_pair.ts";
import { type DiagonalDecayPair, formInputs, isDiagonal } from "./form.ts";
import { ATTENTION, type KernelRequest, planForm, runForm } from "./kernel.ts";
import {
  divided,
  SMALLEST_EPSILON,
  splitSums,
  withOnes,
} from "./normalizer.ts";

/**
 * What tokens outside of a piece have written, `[batch, heads, headDim,
 * valueDim + 1]`: the sum of k_j (v_j, 1)ᵀ, each with the decays between it and
 * the piece; the last column belongs to the row sums. A state has not yet paid
 * what it pays on arriving at the piece. One that is missing is zero.
 */
export interface PieceStates {
  /** The forward state after the token to the left of the piece. */
  readonly before?: tf.Tensor4D | undefined;
  /** The backward state of the token to the right of it; none if causal. */
  readonly after?: tf.Tensor4D | undefined;
}

/** Options of {@linkcode attendPiece}; without defaults they are lionAttention's. */
export interface PieceOptions extends PieceStates {
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** Added to the row sum, after `scale`. */
  readonly epsilon: number;
  /** `[batch, length]` of float32, 0 at padding, if there is any. */
  readonly tokens?: tf.Tensor2D | undefined;
  /** Whether a fused kernel may compute it. @default true */
  readonly kernel?: boolean | undefined;
}

/** What a piece answers. */
export interface Piece {
  /** `[batch, heads, length, valueDim]` */
  readonly y: tf.Tensor4D;
  /** The forward state after the last token: the next piece's `before`. */
  readonly forward: tf.Tensor4D;
  /** The backward state of the first token: the `after` of the piece on the left; `null` if causal. */
  readonly backward: tf.Tensor4D | null;
}

/** Tokens a chunk of the piece. */
const CHUNK = 64;

/**
 * Attention of the tokens of a piece to each other and to the states on both
 * sides, H and T:
 *
 *     Y_i = Σ_j M_ij s (q_i · k_j) v_j
 *         + s exp(f_1 + … + f_i) q_iᵀ H + s exp(b_i + … + b_L) q_iᵀ T
 *
 * with log decays f and b paid on arrival, those of the borders included, which
 * the forms never read; where they are of each channel, each row of a state pays
 * its own. Pieces that hand their states on give what the forms
 * give for the whole. Differentiable in all but the tokens; in a tidy of the
 * caller's, who has checked shapes and made floats of everything.
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
  const { causal, scale, normalize, epsilon, tokens, kernel = true } = options;
  const decays = !causal
    ? pair
    : pair && isDiagonal(pair)
    ? withoutBackward(pair)
    : causalPair(pair as LogDecayPair | null, [q.shape[1], q.shape[2]]);
  // A gradient goes through the operations below, of which attention inside of
  // the piece is a kernel with a gradient of its own.
  if (kernel && !isRecording()) {
    const chunkSize = kernelChunk(q, v, decays, { ...options, states: true });
    if (chunkSize) return runPiece(q, k, v, decays, options, chunkSize);
  }
  const read = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
  const queries = read(q), keys = read(k), values = withOnes(read(v));
  const scaled = tf.mul(queries, scale) as tf.Tensor4D;
  const forward = decays?.forward ?? null, backward = decays?.backward ?? null;

  const attributes = { causal, scale, normalize: false, epsilon: 0 };
  const chunkSize = kernel && kernelChunk(q, values, decays, attributes);
  let sums = chunkSize
    ? runForm("chunkwise", queries, keys, values, decays, {
      ...attributes,
      chunkSize,
      precision: "f32",
    }, undefined)
    : chunkwise(scaled, keys, values, decays, CHUNK);
  if (options.before) {
    sums = readState("before", scaled, options.before, forward, sums);
  }
  if (options.after && !causal) {
    sums = readState("after", scaled, options.after, backward, sums);
  }
  const y = normalize ? divided(sums, epsilon, tokens) : splitSums(sums)[0];
  return {
    y: read(y),
    forward: carryState("before", options.before, keys, values, forward),
    backward: causal
      ? null
      : carryState("after", options.after, keys, values, backward),
  };
}

/** Tokens a chunk of the current backend's kernel, or `null` where it has none for this. */
function kernelChunk(
  { shape: [batch, heads, length, headDim] }: tf.Tensor4D,
  { shape: [, , , valueDim] }: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  { causal, normalize, states = false }: Pick<
    KernelRequest,
    "causal" | "normalize" | "states"
  >,
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
    chunkSize: undefined,
    precision: "f32",
    states,
  });
  return "refusal" in plan ? null : plan.chunkSize;
}

/** The piece as one kernel. */
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
 * The states alone of {@linkcode attendPiece}, for a pass that needs no output.
 *
 * @param k `[batch, heads, length, headDim]`
 * @param v `[batch, heads, length, valueDim]`
 * @param pair Log decays of the piece, or `null` where nothing decays.
 * @param side Which state: the forward one, from `before`, or the backward one.
 * @param state The state that comes from that side, if any.
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is any.
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
  // Its own sum: the total less that to the token would cancel.
  const leaving = logDecay && tf.cumsum(logDecay, 2, true, side === "before");
  const written = tf.matMul(weighted(keys, leaving), values, true);
  if (!state) return written as tf.Tensor4D;
  const through = logDecay && tf.sum(logDecay, 2, true);
  return tf.add(through ? decayed(state, through) : state, written);
}

/** x with its rows, or each of their entries, multiplied by powers of e. */
function weighted(x: tf.Tensor4D, logWeight: tf.Tensor | null): tf.Tensor4D {
  if (!logWeight) return x;
  const ofRows = logWeight.rank === 3;
  return tf.mul(x, tf.exp(ofRows ? tf.expandDims(logWeight, 3) : logWeight));
}

/**
 * A state after it has paid the decays of one token.
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
