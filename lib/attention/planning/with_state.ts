/**
 * Attention within a part of a sequence: one state stands for the tokens before
 * it, and another for the tokens after it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { isRecording, runKernel } from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { chunkwise } from "../forms/chunkwise.ts";
import {
  causalPair,
  type DecayPair,
  isDiagonal,
  perRow,
  weighted,
  withoutBackward,
} from "../decays/decay_pair.ts";
import { type AttentionSettings, formInputs } from "../forms/form.ts";
import {
  ATTENTION,
  kernelEpsilon,
  type KernelRequest,
  planForm,
  runFused,
} from "./kernel.ts";
import { divided, splitSums, withOnes } from "../forms/normalizer.ts";

/**
 * The states of the tokens outside, `[batch, heads, headDim, valueDim + 1]`: the
 * sum of k_j (v_j, 1)ᵀ over the tokens on one side, each decayed from token j to
 * the last token outside; the last column yields the row sums. The decay on
 * arriving at the first token inside is not yet included. A missing state is zero.
 */
export interface OuterStates {
  /** The forward state of the tokens before. */
  readonly before?: tf.Tensor4D | undefined;
  /** The backward state of the tokens after; none if causal. */
  readonly after?: tf.Tensor4D | undefined;
}

/** Options of {@linkcode attendWithState}: those of lionAttention, without defaults. */
export interface WithStateOptions extends AttentionSettings, OuterStates {
  /** The mask of tokens, `[batch, length]` of float32, 0 at padding, if there is padding. */
  readonly tokens?: tf.Tensor2D | undefined;
  /** Whether a fused kernel may compute it. @default true */
  readonly kernel?: boolean | undefined;
  /** Tokens per chunk. @default the kernel's choice, or 64 */
  readonly chunkSize?: number | undefined;
}

/** The result of {@linkcode attendWithState}: the outputs, and the states after these tokens. */
export interface WithStateResult {
  /** The outputs, `[batch, heads, length, valueDim]`. */
  readonly y: tf.Tensor4D;
  /** The forward state after the last token: `before` for the tokens that follow. */
  readonly forward: tf.Tensor4D;
  /**
   * The backward state after the first token: `after` for the tokens that
   * precede; `null` if causal.
   */
  readonly backward: tf.Tensor4D | null;
}

/** Tokens per chunk in tfjs operations. */
const CHUNK = 64;

/**
 * Attention of tokens to each other, and to the forward state H of the tokens
 * before and the backward state T of those after:
 *
 *     Y_i = Σ_j M_ij s (q_i · k_j) v_j
 *         + s exp(f_1 + … + f_i) q_iᵀ H + s exp(b_i + … + b_L) q_iᵀ T
 *
 * with log decays f and b applied on arrival, including f_1 and b_L, by which H and
 * T decay and which the forms never read. With diagonal decays, each row of a state
 * has its own. A sequence that is cut into parts, each of which passes its states
 * on, has the outputs that the forms give for the whole. Differentiable
 * in all inputs except `tokens`. Call it inside `tf.tidy`, with checked shapes
 * and float32 tensors.
 *
 * Source: ours; the states between the chunks of the chunkwise form.
 *
 * @param q `[batch, heads, length, headDim]`
 * @param k `[batch, heads, length, headDim]`
 * @param v `[batch, heads, length, valueDim]`
 * @param pair Log decays of these tokens, or `null` where nothing decays.
 */
export function attendWithState(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
  options: WithStateOptions,
): WithStateResult {
  const { causal, tokens, kernel = true } = options;
  const decays = causal ? ofCausal(pair, [q.shape[1], q.shape[2]]) : pair;
  // The gradient goes through the operations below, where attention of the tokens
  // to each other is a kernel with its own gradient.
  if (kernel && !isRecording()) {
    const chunkSize = kernelChunk(q, v, decays, { ...options, states: true });
    if (chunkSize) {
      return runFusedWithState(q, k, v, decays, options, chunkSize);
    }
  }
  const keys = withoutPadding(k, tokens);
  const values = withOnes(withoutPadding(v, tokens));
  return {
    y: outputWithState(q, k, v, decays, options),
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
 * The pair as causal attention takes it: without a backward state, and of log
 * decays 0 where nothing decays.
 */
function ofCausal(
  pair: DecayPair | null,
  size: readonly [heads: number, length: number],
): DecayPair {
  if (pair === null) return causalPair(null, size);
  return isDiagonal(pair) ? withoutBackward(pair) : causalPair(pair, size);
}

/**
 * Computes only the outputs of {@linkcode attendWithState}.
 *
 * @param pair Log decays of these tokens; if causal, not `null`, and without the
 * backward ones.
 */
export function outputWithState(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
  options: WithStateOptions,
): tf.Tensor4D {
  const { causal, scale, normalize, epsilon, tokens } = options;
  const { kernel = true, chunkSize: wanted } = options;
  const queries = withoutPadding(q, tokens), keys = withoutPadding(k, tokens);
  const values = withOnes(withoutPadding(v, tokens));
  const scaled = tf.mul(queries, scale) as tf.Tensor4D;

  // The states add to the row sums too, so the division comes last.
  const settings = { causal, scale, normalize: false, epsilon: 0 };
  const chunkSize = kernel &&
    kernelChunk(q, values, pair, { ...settings, chunkSize: wanted });
  const ofTokens = { q: queries, k: keys, v: values, decays: pair };
  let sums = chunkSize
    ? runFused(
      { form: "chunkwise", chunkSize },
      { ...ofTokens, tokens: undefined },
      { ...settings, precision: "f32" },
    ) as tf.Tensor4D
    : chunkwise(scaled, keys, values, pair, wanted ?? CHUNK);
  if (options.before) {
    const forward = pair?.forward ?? null;
    sums = readState("before", scaled, options.before, forward, sums);
  }
  if (options.after && !causal) {
    const backward = pair?.backward ?? null;
    sums = readState("after", scaled, options.after, backward, sums);
  }
  const y = normalize ? divided(sums, epsilon, tokens) : splitSums(sums)[0];
  return withoutPadding(y, tokens);
}

/**
 * Tokens per chunk of the current backend's kernel, or `null` if it has none
 * for this problem.
 */
function kernelChunk(
  { shape: [batch, heads, length, headDim] }: tf.Tensor4D,
  { shape: [, , , valueDim] }: tf.Tensor4D,
  pair: DecayPair | null,
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

/** Runs {@linkcode attendWithState} as one kernel. */
function runFusedWithState(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
  { causal, scale, normalize, epsilon, tokens, before, after }:
    WithStateOptions,
  chunkSize: number,
): WithStateResult {
  const [, , , f, b] = formInputs(q, k, v, pair);
  const { y, forward, backward } = runKernel(ATTENTION.chunkwise, {
    ...{ q, k, v, f, b, mask: tokens, before },
    after: causal ? undefined : after,
  }, {
    causal,
    scale,
    normalize,
    epsilon: kernelEpsilon(epsilon, tokens),
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
 * Computes only a state of {@linkcode attendWithState}, for a pass that needs no output.
 *
 * @param k `[batch, heads, length, headDim]`
 * @param v `[batch, heads, length, valueDim]`
 * @param pair Log decays of these tokens, or `null` where nothing decays.
 * @param side Which state to pass on: the forward or the backward one.
 * @param state The incoming state, if any.
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is
 * padding.
 * @returns The state after these tokens, on the other side of them.
 */
export function passState(
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
  side: keyof OuterStates,
  state: tf.Tensor4D | undefined,
  tokens?: tf.Tensor2D,
): tf.Tensor4D {
  const logDecay = side === "before" ? pair?.forward : pair?.backward;
  return carryState(
    side,
    state,
    withoutPadding(k, tokens),
    withOnes(withoutPadding(v, tokens)),
    logDecay ?? null,
  );
}

/**
 * Adds what each token reads from a state outside: exp(f_1 + … + f_i) q_iᵀ H
 * from the tokens before, exp(b_i + … + b_L) q_iᵀ T from those after.
 */
function readState(
  side: keyof OuterStates,
  queries: tf.Tensor4D,
  state: tf.Tensor4D,
  logDecay: tf.Tensor3D | tf.Tensor4D | null,
  sums: tf.Tensor4D,
): tf.Tensor4D {
  const decayFromStart = logDecay &&
    tf.cumsum(logDecay, 2, false, side === "after");
  return tf.add(sums, tf.matMul(weighted(queries, decayFromStart), state));
}

/**
 * The state after these tokens: exp(f_1 + … + f_L) H + Σ_j exp(f_{j+1} + … + f_L)
 * k_j (v_j, 1)ᵀ, or the mirror image of it with T and b.
 */
function carryState(
  side: keyof OuterStates,
  state: tf.Tensor4D | undefined,
  keys: tf.Tensor4D,
  values: tf.Tensor4D,
  logDecay: tf.Tensor3D | tf.Tensor4D | null,
): tf.Tensor4D {
  // Summed on its own, since the total minus the sum up to the token would cancel.
  const decayToEnd = logDecay &&
    tf.cumsum(logDecay, 2, true, side === "before");
  const written = tf.matMul(weighted(keys, decayToEnd), values, true);
  if (!state) return written as tf.Tensor4D;
  const chunkDecay = logDecay && tf.sum(logDecay, 2, true);
  return tf.add(chunkDecay ? decayState(state, chunkDecay) : state, written);
}

/**
 * A state, decayed by the log decays of one token, or by the sum of those of many.
 *
 * @param state `[batch, heads, headDim, valueDim + 1]`
 * @param logDecay `[batch or 1, heads, 1]`, or `[batch, heads, 1, headDim]` where
 * each row of the state has its own.
 */
export function decayState(
  state: tf.Tensor4D,
  logDecay: tf.Tensor,
): tf.Tensor4D {
  return tf.mul(state, tf.exp(perRow(logDecay)));
}
