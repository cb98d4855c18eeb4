/**
 * The inputs, outputs and attributes of the kernels of transitions of rank one, on
 * backends that have them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type KernelPlan,
  type Operation,
  planKernel,
  type Refusal,
  runKernel,
} from "@lionjs/tfjs/kernel";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";
import { ownWrites, scaled } from "../forms/own_writes.ts";
import { runTransitionForm } from "../forms/transition_forms.ts";
import {
  mapVectors,
  type Reads,
  readsOf,
  stepsOf,
  type TransitionVectors,
} from "../forms/transition_inputs.ts";
import { type Sweep, transitionsAlong } from "../forms/transitions_along.ts";
import { attend, type AttentionSizes } from "./kernel.ts";

/**
 * The kernel of whole sequences, which computes from the state S_0 = 0
 *
 *     S_i = (diag(e^{g_i}) + b_i a_iᵀ) S_{i-1} + k_i v_iᵀ    y_i = s S_iᵀ q_i
 *
 * from the left and, unless causal, also from the right.
 *
 * Inputs, all of float32 and 0 at padding: `q`, `[batch, heads, length, headDim]`;
 * `k` and `v`, with `length · steps` rows, one for each step of each token; `a?` and
 * `b?`, like k; `beta?`, with one column; and the log decays on arriving at each token,
 * of the sweep from the left, `f?`, and of that from the right, `g?`,
 * `[batch, heads, length, 1 or headDim]`. Output `y`,
 * `[batch, heads, length, valueDim]`.
 *
 * - Without `a` and `beta`, a state reads nothing: there is no b_i a_iᵀ.
 * - With `beta` it is the delta rule: the row that is written is β k in place of k, b is
 *   β k, and a is -e^g k, which the kernel makes itself.
 * - With `a`, but without `b`, b is k. A row of a reads the state before its decay.
 *
 * A token has `steps` of these, of which the first alone decays; q reads after the
 * last. The sweep from the right takes the tokens in reverse, but not the steps of a
 * token. Where a token has one step, its own write, s (q · k) v, or β times that for the
 * delta rule, counts once from both sides; where it has several, both sweeps count it,
 * and what calls the kernel subtracts it once.
 *
 * On arriving at a segment the log decay is the lowest one, whose decay is 0. A row of
 * a is 0 there, since it reads before the decay: so both sweeps have their own rows of
 * a, and are two causal calls.
 */
export const TRANSITION: Operation<"y"> = {
  kernel: "LionTransition",
  gradientsIn: ["q", "k", "v", "a", "b", "beta", "f", "g"],
  outputs: ["y"],
  plain: (tensors: KernelTensors, attributes: TransitionAttributes) => ({
    y: sweepPlainly(tensors, attributes),
  }),
  along: (
    tensors: KernelTensors,
    directions: Partial<KernelTensors>,
    { scale, ...attributes }: TransitionAttributes,
  ) => {
    const { q } = directions;
    const runs = { attend, sweep: runSweep };
    return {
      y: transitionsAlong(
        scaled(tensors, scale),
        { ...directions, ...q && { q: tf.mul(q, scale) } },
        attributes,
        runs,
      ),
    };
  },
};

/**
 * The kernel of causal tokens that follow others: `before?`,
 * `[batch, heads, headDim, valueDim]`, is the state of the tokens before, without
 * the decay on arriving at the first of these; `forward` is the state after them.
 */
export const TRANSITION_WITH_STATE: Operation<"y" | "forward"> = {
  kernel: "LionTransitionWithState",
  gradientsIn: ["q", "k", "v", "a", "b", "beta", "f", "before"],
  outputs: ["y", "forward"],
  plain: (
    { f, before, ...vectors }: KernelTensors & {
      readonly before?: tf.Tensor4D;
    },
    { scale }: TransitionAttributes,
  ) => {
    const sweep = scaled(vectors, scale);
    const { y, state } = runChunks(sweep, f, before);
    return { y, forward: state };
  },
};

/** The inputs of the kernel of whole sequences. */
type KernelTensors =
  & { [name in keyof TransitionVectors]: TransitionVectors[name] }
  & { readonly f?: tf.Tensor4D; readonly g?: tf.Tensor4D };

/** The output of the kernel of whole sequences, in chunks. */
function sweepPlainly(
  { f, g, ...vectors }: KernelTensors,
  { causal, scale }: TransitionAttributes,
): tf.Tensor4D {
  const sweep = scaled(vectors, scale);
  const { y } = runChunks(sweep, f);
  if (causal) return y;
  const [batch, heads, length] = sweep.q.shape;
  // Tokens turn, and not their steps, which lie side by side.
  const turned = (x: tf.Tensor4D): tf.Tensor4D => {
    const ofTokens = tf.reshape(x, [batch, heads, length, -1]);
    return tf.reshape(tf.reverse(ofTokens, 2), x.shape);
  };
  const { y: other } = runChunks(mapVectors(sweep, turned), g && turned(g));
  const both: tf.Tensor4D = tf.add(y, turned(other));
  return stepsOf(vectors) === 1 ? tf.sub(both, ownWrites(sweep)) : both;
}

/** Tokens per chunk: of more, the inverses of their matrices are most of the work. */
const PLAIN_CHUNK = 32;

function runChunks(
  sweep: TransitionVectors,
  gate: tf.Tensor4D | undefined,
  before?: tf.Tensor4D,
) {
  const [batch, heads, length] = sweep.q.shape;
  return runTransitionForm(
    "chunkwise",
    sweep,
    gate ?? tf.zeros([batch, heads, length, 1]),
    before,
    PLAIN_CHUNK,
  );
}

/** A sweep from the left of tokens of one step, by the kernel if it takes the problem. */
function runSweep({ gate, ...vectors }: Sweep): tf.Tensor4D {
  const outputs = runTransitionKernel({
    ...{ vectors, gates: { forward: gate, backward: null } },
    ...{ causal: true, scale: 1, chunkSize: undefined },
  });
  return outputs?.y ?? runChunks(vectors, gate).y;
}

/** Attributes of the kernels of transitions. */
export interface TransitionAttributes {
  /** Whether there is no sweep from the right, and no `g`. */
  readonly causal: boolean;
  /** The factor of q · S in the output. */
  readonly scale: number;
  /** Tokens per chunk, as planned by the kernel. */
  readonly chunkSize: number;
  /** Steps of a token. */
  readonly steps: number;
}

/** The problem that a caller asks a kernel to compute. */
export interface TransitionRequest extends AttentionSizes {
  /** The kind of reading of each step. */
  readonly reads: Reads;
  /** Steps of a token. */
  readonly steps: number;
  /** Whether the decays are diagonal, one per channel of the keys. */
  readonly diagonal: boolean;
  /** Whether there is no sweep from the right. */
  readonly causal: boolean;
  /** Tokens per chunk; if undefined, the kernel chooses. */
  readonly chunkSize: number | undefined;
}

/** A call of a kernel. */
export interface TransitionCall {
  readonly vectors: TransitionVectors;
  /** Log decays applied on arrival; `null` where nothing decays. */
  readonly gates: DiagonalDecayPair | null;
  readonly causal: boolean;
  readonly scale: number;
  /** Tokens per chunk; if undefined, the kernel chooses. */
  readonly chunkSize: number | undefined;
}

/**
 * The current backend's plan for a problem.
 *
 * @param operation The kernel of whole sequences, or of tokens that follow others.
 */
export function planTransition(
  request: TransitionRequest,
  operation: Operation = TRANSITION,
): KernelPlan | Refusal {
  return planKernel(operation, request) ??
    { refusal: "the backend has no kernel of transitions" };
}

/**
 * Runs the current backend's kernel of whole sequences, or of tokens that follow
 * others if there are `states`; differentiable in all tensors.
 *
 * @returns The kernel's outputs, or `undefined` if there is no kernel, or it refuses.
 */
export function runTransitionKernel(
  { vectors, gates, causal, scale, chunkSize }: TransitionCall,
  states?: { readonly before: tf.Tensor4D | undefined },
): { y: tf.Tensor4D; forward?: tf.Tensor4D } | undefined {
  const { q, v } = vectors;
  const [batch, heads, length, headDim] = q.shape;
  const steps = stepsOf(vectors), reads = readsOf(vectors);
  const operation = states ? TRANSITION_WITH_STATE : TRANSITION;
  const request: TransitionRequest = {
    ...{ batch, heads, length, headDim, valueDim: v.shape[3] },
    ...{ reads, steps, causal, chunkSize },
    diagonal: gates !== null && gates.forward.shape[3] > 1,
  };
  const plan = planTransition(request, operation);
  if ("refusal" in plan) return undefined;
  const outputs = runKernel(operation, {
    ...vectors,
    f: gates?.forward,
    g: gates?.backward ?? undefined,
    before: states?.before,
  }, { causal, scale, chunkSize: plan.chunkSize!, steps });
  return outputs as ReturnType<typeof runTransitionKernel>;
}
