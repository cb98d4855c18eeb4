/** The delta rule on tokens that follow others, starting from the state of those. @module */
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "@lionjs/tfjs/kernel";
import { type DeltaForm, runDeltaForm } from "../forms/delta_forms.ts";
import type { DeltaVectors } from "../forms/delta_inputs.ts";
import { DELTA_WITH_STATE, planDelta } from "./delta_kernel.ts";

/** Options of {@linkcode deltaWithState}. */
interface DeltaWithStateOptions {
  /** The factor of q · k in the output. */
  readonly scale: number;
  /** Whether the backend's kernel may run, which computes the chunkwise form. */
  readonly kernel: boolean;
  /** The form to compute in tfjs operations if no kernel runs. */
  readonly form: DeltaForm;
  /** Tokens per chunk. @default the kernel's choice, or 64 */
  readonly chunkSize?: number | undefined;
}

/**
 * The delta rule from left to right, and the state after these tokens, by the
 * backend's kernel or in tfjs operations. Differentiable in all tensors. Call it
 * inside `tf.tidy`.
 *
 * @param gate Log decays applied on arrival, `[batch, heads, length, 1 or headDim]`;
 * `undefined` where nothing decays.
 * @param before The state of the tokens before,
 * `[batch, heads, headDim, valueDim]`; zero if `undefined`.
 * @returns y, `[batch, heads, length, valueDim]`, and the state.
 */
export function deltaWithState(
  vectors: DeltaVectors,
  gate: tf.Tensor4D | undefined,
  before: tf.Tensor4D | undefined,
  { scale, kernel, form, chunkSize }: DeltaWithStateOptions,
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  const { q, v } = vectors;
  const [batch, heads, length, headDim] = q.shape;
  const plan = kernel && planDelta({
    ...{ batch, heads, length, headDim, valueDim: v.shape[3], chunkSize },
    ...{ diagonal: gate !== undefined && gate.shape[3] > 1, causal: true },
  }, DELTA_WITH_STATE);
  if (plan && !("refusal" in plan)) {
    const attributes = { causal: true, scale, chunkSize: plan.chunkSize };
    const inputs = { ...vectors, f: gate, before };
    const { y, forward } = runKernel(DELTA_WITH_STATE, inputs, attributes);
    return { y: y as tf.Tensor4D, state: forward as tf.Tensor4D };
  }
  const { y, state } = runDeltaForm(
    form,
    { ...vectors, q: tf.mul(q, scale) as tf.Tensor4D },
    gate ?? tf.zeros([batch, heads, length, 1]),
    before,
    chunkSize,
  );
  return { y, state: tf.reshape(state, [batch, heads, headDim, v.shape[3]]) };
}
