/** The delta rule, and other transitions, on a sequence whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import { noDecay } from "../attention/decays/decay.ts";
import type { DiagonalDecayPair } from "../attention/decays/decay_pair.ts";
import { resolveDecays } from "../attention/decays/resolve_decays.ts";
import {
  checkTransition,
  DELTA_OPTIONS,
  type DeltaAttentionOptions,
} from "../attention/delta_attention.ts";
import type { TransitionForm } from "../attention/forms/transition_forms.ts";
import type { GivenTransition } from "../attention/forms/checks.ts";
import {
  mapVectors,
  readTransitionVectors,
  transitionGates,
  type TransitionVectors,
  withinSegments,
} from "../attention/forms/transition_inputs.ts";
import { ownWrites, scaled } from "../attention/forms/own_writes.ts";
import { transitionWithState } from "../attention/planning/transition_with_state.ts";
import { assertOptions, type ContextGroup, optionsOf } from "@lionjs/base";
import { floats } from "@lionjs/tfjs/kernel";
import { tokensIn, withoutPadding } from "../operations/padding/padding.ts";
import type { SegmentEnds } from "../operations/segments.ts";
import { assertContextGroup } from "./context_group.ts";
import { scanAcrossRanks, type StateMap } from "./exchange.ts";
import { assertSameAttention } from "./same_attention.ts";
import { endsAcrossRanks } from "./segments.ts";

/** Options of {@linkcode deltaAcrossRanks}. */
export interface DeltaAcrossRanksOptions extends DeltaAttentionOptions {
  /** The ranks that share the tokens of every sequence, in order. */
  communicator: ContextGroup;
}

const OPTIONS = optionsOf<DeltaAcrossRanksOptions>()(
  DELTA_OPTIONS,
  "communicator",
);

/**
 * `deltaAttention` of ranks that share the tokens of every sequence, as
 * `attentionAcrossRanks` is `lionAttention` of them. Each passes on a state and a
 * state's transformation, `headDim · (headDim + valueDim)` numbers per head and
 * direction. An initial state is that before all tokens: each rank gives it, and the
 * first one's counts.
 *
 * @example One rank has all tokens
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { deltaAcrossRanks, deltaAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // openMpi() of @lionjs/lion/mpi gives ranks that exchange.
 * const communicator = { rank: 0, size: 1, exchange: (values: Float32Array) => values };
 * const x = tf.fill([1, 1, 5, 4], 0.5);
 * const beta = tf.fill([1, 1, 5], 0.5);
 * const y = await deltaAcrossRanks(x, x, x, beta, { communicator }).data();
 * const same = await deltaAttention(x, x, x, beta).data();
 * y.forEach((value, i) => assertAlmostEquals(value, same[i]!, 1e-5));
 * ```
 *
 * @param q Queries of this rank's tokens, `[batch, heads, length, headDim]`.
 * @param k Keys, `[batch, heads, length, headDim]`, each of unit length.
 * @param v Values, `[batch, heads, length, valueDim]`.
 * @param beta β, `[batch, heads, length]`, from 0 (writes nothing) to 1
 * (replaces) or 2 (overshoots).
 * @param options See {@linkcode DeltaAcrossRanksOptions}.
 * @returns `[batch, heads, length, valueDim]`, for this rank's tokens.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, an option is unknown or
 * of the wrong type, or the communicator cannot exchange values.
 * @throws {RangeError} If a tensor is empty, an option has an invalid value, the backend
 * keeps tensors on a device, or ranks differ in shapes or options; then all of them
 * throw.
 */
export function deltaAcrossRanks(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  beta: tf.Tensor,
  options: DeltaAcrossRanksOptions,
): tf.Tensor4D {
  const vectors = { q, k, v, beta };
  return attendAcrossRanks("deltaAcrossRanks", vectors, options);
}

/**
 * Attention by transitions of the state, of ranks that share the tokens. All ranks have
 * the initial state, if there is one, and the first one's counts.
 */
export function attendAcrossRanks(
  owner: string,
  vectors: GivenTransition,
  options: DeltaAcrossRanksOptions,
): tf.Tensor4D {
  assertOptions(owner, options, OPTIONS);
  const { communicator: ranks, ...others } = options;
  assertContextGroup(ranks);
  const { given, segments, form, scale, causal, kernel, initialState } =
    checkTransition(owner, vectors, others);
  const { decay = noDecay(), chunkSize, mask, steps = 1 } = options;
  assertSameAttention(owner, given, {
    ...{ decay, mask, segments, causal, scale, steps },
    vectors: Object.keys(given),
    initialState: initialState !== undefined,
  }, ranks);
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const vectors = readTransitionVectors(given, tokens);
    const decays = resolveDecays(decay, { shape: given.q.shape, causal });
    const ends = segments &&
      endsAcrossRanks(segments, ranks, initialState !== undefined);
    const gates = transitionGates(decays, vectors, { causal, tokens, ends });
    const settings = {
      ...{ scale, form, chunkSize, kernel, ends },
      initialState: initialState && floats("initialState", initialState),
    };
    return withoutPadding(bothWays(vectors, gates, settings, ranks), tokens);
  });
}

/** How {@linkcode bothWays} computes. */
interface Settings {
  /** The factor of q · k in the output. */
  readonly scale: number;
  readonly form: TransitionForm;
  readonly chunkSize: number | undefined;
  readonly kernel: boolean;
  /** The ends of segments, if there are any. */
  readonly ends: SegmentEnds | undefined;
  /** The state before the first token of all ranks. */
  readonly initialState: tf.Tensor4D | undefined;
}

/**
 * Transitions by this rank's tokens, in both directions unless there is no
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
function bothWays(
  vectors: TransitionVectors,
  { forward, backward }: DiagonalDecayPair,
  options: Settings,
  ranks: ContextGroup,
): tf.Tensor4D {
  const { ends } = options;
  const fromLeft = withinSegments(vectors, ends?.first);
  const past = fromSide("before", fromLeft, forward, options, ranks);
  if (!backward) return past;
  const [batch, heads, length] = vectors.q.shape;
  // Tokens turn, and not the steps of a token.
  const turned = (x: tf.Tensor4D): tf.Tensor4D => {
    const tokens = tf.reshape(x, [batch, heads, length, -1]);
    return tf.reshape(tf.reverse(tokens, 2), x.shape);
  };
  const fromRight = mapVectors(withinSegments(vectors, ends?.last), turned);
  const gate = turned(backward);
  const future = turned(fromSide("after", fromRight, gate, options, ranks));
  return tf.sub(
    tf.add(past, future),
    ownWrites(scaled(vectors, options.scale)),
  );
}

/**
 * Transitions by this rank's tokens in one direction.
 *
 * @param side The side on which the tokens lie that are read.
 * @param vectors The vectors in the order in which tokens are visited, as is `gate`.
 */
function fromSide(
  side: "before" | "after",
  { v, ...others }: TransitionVectors,
  gate: tf.Tensor4D,
  { form, kernel, ends: _, initialState, ...options }: Settings,
  ranks: ContextGroup,
): tf.Tensor4D {
  const [batch, heads, , headDim] = others.q.shape;
  const valueDim = v.shape[3];
  const identity = tf.mul(
    tf.reshape(tf.eye(headDim), [1, 1, headDim, headDim]),
    tf.ones([batch, heads, 1, 1]),
  );
  const nothing = tf.zeros([batch, heads, headDim, valueDim]);
  const nothingToWrite = tf.zeros([batch, heads, v.shape[2], headDim]);
  const values = tf.concat([v, nothingToWrite], 3);
  const { y, state } = transitionWithState(
    { ...others, v: values as tf.Tensor4D },
    gate,
    tf.concat([nothing, identity], 3) as tf.Tensor4D,
    { ...options, form, kernel: kernel && form !== "recurrent" },
  );
  const halves = (x: tf.Tensor4D) =>
    tf.split(x, [valueDim, headDim], 3) as [tf.Tensor4D, tf.Tensor4D];
  const [ofTokens, transition] = halves(state);
  // Of other ranks it is not read, but has a gradient.
  const first = ranks.rank === 0 || !initialState
    ? initialState
    : tf.zerosLike(initialState);
  const written = first
    ? tf.add(ofTokens, tf.matMul(transition, first))
    : ofTokens;
  const passed = scanAcrossRanks(
    side,
    { written, transition },
    joinMaps,
    ranks,
  );
  const before = first ? tf.add(passed, first) : passed;
  const [withoutState, reading] = halves(y);
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
