/** Transitions on tokens that follow others, starting from the state of those. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  runTransitionForm,
  type TransitionForm,
} from "../forms/transition_forms.ts";
import type { TransitionVectors } from "../forms/transition_inputs.ts";
import { runTransitionKernel } from "./transition_kernel.ts";

/** Options of {@linkcode transitionWithState}. */
export interface TransitionWithStateOptions {
  /** The factor of q · k in the output. */
  readonly scale: number;
  /** Whether the backend's kernel may run, which computes the chunkwise form. */
  readonly kernel: boolean;
  /** The form to compute in tfjs operations if no kernel runs. */
  readonly form: TransitionForm;
  /** Tokens per chunk. @default the kernel's choice, or at most 64 steps */
  readonly chunkSize?: number | undefined;
}

/**
 * Transitions from left to right, and the state after these tokens, by the
 * backend's kernel or in tfjs operations. Differentiable in all tensors. Call it
 * inside `tf.tidy`.
 *
 * @param gate Log decays applied on arrival, `[batch, heads, length, 1 or headDim]`;
 * `undefined` where nothing decays.
 * @param before The state of the tokens before,
 * `[batch, heads, headDim, valueDim]`; zero if `undefined`.
 * @returns y, `[batch, heads, length, valueDim]`, and the state.
 */
export function transitionWithState(
  vectors: TransitionVectors,
  gate: tf.Tensor4D | undefined,
  before: tf.Tensor4D | undefined,
  { scale, kernel, form, chunkSize }: TransitionWithStateOptions,
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  const gates = gate ? { forward: gate, backward: null } : null;
  const call = { vectors, gates, causal: true, scale, chunkSize };
  const outputs = kernel ? runTransitionKernel(call, { before }) : undefined;
  if (outputs) return { y: outputs.y, state: outputs.forward! };
  const { q } = vectors;
  const [batch, heads, length] = q.shape;
  return runTransitionForm(
    form,
    { ...vectors, q: tf.mul(q, scale) },
    gate ?? tf.zeros([batch, heads, length, 1]),
    before,
    chunkSize,
  );
}
