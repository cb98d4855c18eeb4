/** Transitions of rank one on a sequence that arrives in steps, with constant memory. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { assertOptions, optionsOf } from "@lionjs/base";
import {
  type DeltaStepInput,
  type DeltaStepOptions,
  stepByTransitions,
} from "./delta_step.ts";

/**
 * The vectors of the next tokens. Where a token has several steps, all but q have a row
 * for each.
 */
export interface TransitionStepInput extends Omit<DeltaStepInput, "beta"> {
  /** The vectors that read the state before its decay, in the shape of k; `null` if none does. */
  readonly a: tf.Tensor | null;
  /** The places at which that is added, in the shape of k; `null` to add it at k. */
  readonly b: tf.Tensor | null;
}

const INPUT = optionsOf<TransitionStepInput>()("q k v a b logDecay mask");

/**
 * Applies transitions of rank one to the next tokens, one or many. Together, the steps
 * return what `transitionAttention` returns with `causal: true` for the whole
 * sequence. Differentiable in the state and in all inputs except the mask.
 *
 * Source: RWKV-7 (Peng et al. 2025, arXiv:2503.14456), equation 17.
 *
 * @example A state that turns by a quarter at each token
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { transitionStep } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // Two reflections, each I - 2 k kᵀ, are the steps of one token.
 * const r = Math.SQRT1_2;
 * const k: tf.Tensor4D = tf.tensor4d([1, 0, r, r], [1, 1, 2, 2]);
 * const nothing: tf.Tensor4D = tf.zeros([1, 1, 2, 1]);
 * const q: tf.Tensor4D = tf.tensor4d([1, 0], [1, 1, 1, 2]);
 * const input = { q, k, v: nothing, a: tf.mul(k, -2), b: null };
 * let state: tf.Tensor4D = tf.tensor4d([1, 0], [1, 1, 2, 1]);
 * for (const expected of [0, -1, 0, 1]) {
 *   const step = transitionStep(state, input, { scale: 1 });
 *   state = step.state;
 *   assertAlmostEquals((await step.y.data())[0]!, expected, 1e-6);
 * }
 * ```
 *
 * @param state The state after the tokens so far,
 * `[batch, heads, headDim, valueDim]`; `null` before the first token. It is not
 * changed; the caller disposes of it.
 * @param input The tokens.
 * @param options See {@linkcode DeltaStepOptions}.
 * @returns The outputs y, `[batch, heads, length, valueDim]`, and the state
 * after the tokens.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option or
 * input is unknown or of the wrong type.
 * @throws {RangeError} If a tensor is empty, or an option has an invalid value.
 */
export function transitionStep(
  state: tf.Tensor | null,
  input: TransitionStepInput,
  options: DeltaStepOptions = {},
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  // A null for a or b says that there is none.
  const { a: _a, b: _b, ...others } = input ?? {};
  assertOptions<object>("transitionStep's input", input && others, INPUT);
  return stepByTransitions("transitionStep", state, input, options);
}
