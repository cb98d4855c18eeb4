/** The delta rule on a sequence that arrives in steps, with constant memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertShape, floats } from "@lionjs/tfjs/kernel";
import { assertBoolean, assertOptions, optionsOf } from "@lionjs/base";
import { tokensIn, withoutPadding } from "../../operations/padding/padding.ts";
import { spread } from "../../operations/spread/spread.ts";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { assertLogDecay } from "../decays/log_decay.ts";
import {
  assertTransition,
  checkedState,
  type GivenTransition,
} from "../forms/checks.ts";
import { readTransitionVectors } from "../forms/transition_inputs.ts";
import { transitionWithState } from "../planning/transition_with_state.ts";

/** The vectors of the next tokens. Where a token has several steps, all but q have a row for each. */
export interface DeltaStepInput {
  /** Queries, `[batch, heads, length, headDim]`. */
  readonly q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`, each of unit length. */
  readonly k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor;
  /** β, `[batch, heads, length]`: how much of the old value each token replaces. */
  readonly beta: tf.Tensor;
  /**
   * The log decay, `[heads]`, `[batch, heads, length]` or, if diagonal,
   * `[batch, heads, length, headDim]`, applied on arrival. @default nothing decays
   */
  readonly logDecay?: tf.Tensor | undefined;
  /**
   * The padding mask, `[batch, length]`: 1 for a token, 0 for padding, which is
   * skipped, as in deltaAttention.
   */
  readonly mask?: tf.Tensor | undefined;
}

const INPUT = optionsOf<DeltaStepInput>()("q k v beta logDecay mask");

/**
 * Options of {@linkcode deltaStep}, which mean the same as for deltaAttention.
 */
export interface DeltaStepOptions {
  /**
   * The factor of q · k in the output, but not in the correction.
   * @default 1 / sqrt(headDim)
   */
  scale?: number | undefined;
  /**
   * Whether a fused kernel may run, chunk by chunk, on backends that have one;
   * `false` runs TensorFlow.js operations, token by token. @default true
   */
  kernel?: boolean | undefined;
}

const OPTIONS = optionsOf<DeltaStepOptions>()("scale kernel");

/**
 * Applies the delta rule to the next tokens, one or many. Together, the steps
 * return what `deltaAttention` returns with `causal: true` for the whole
 * sequence. Differentiable in the state and in all inputs except the mask.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174), section 4.2; with a decay
 * as for {@linkcode deltaAttention}.
 *
 * @example Token by token
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { deltaStep } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.tensor4d([1, 0], [1, 1, 1, 2]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 1]);
 * let state: tf.Tensor4D | null = null;
 * for (const value of [3, 5]) {
 *   const v: tf.Tensor4D = tf.tensor4d([value], [1, 1, 1, 1]);
 *   const step = deltaStep(state, { q: k, k, v, beta }, { scale: 1 });
 *   state = step.state;
 *   const [read] = await step.y.data(); // linear attention would read 3 + 5
 *   assertAlmostEquals(read!, value, 1e-6);
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
export function deltaStep(
  state: tf.Tensor | null,
  input: DeltaStepInput,
  options: DeltaStepOptions = {},
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  assertOptions("deltaStep's input", input, INPUT);
  return stepByTransitions("deltaStep", state, input, options);
}

/** The next tokens by transitions of the state; `input` has known names, and all else is checked. */
export function stepByTransitions(
  owner: string,
  state: tf.Tensor | null,
  { logDecay, mask, ...given }: StepInput,
  options: DeltaStepOptions,
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  assertOptions(owner, options, OPTIONS);
  const { kernel = true } = options;
  assertBoolean("kernel", kernel);
  const { settings: { scale }, vectors } = assertTransition(given, {
    ...options,
    mask,
    steps: stepsGiven(given),
  });
  const before = checkedState("state", state, vectors);
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const gate = logDecay === undefined
      ? undefined
      : withoutPadding(gateOf(logDecay, vectors.q.shape), tokens);
    const how = { scale, kernel, form: "recurrent" } as const;
    const { y, state: after } = transitionWithState(
      readTransitionVectors(vectors, tokens),
      gate,
      before && floats("state", before),
      how,
    );
    return { y: withoutPadding(y, tokens), state: after };
  });
}

/** The inputs of the next tokens, by any rule. */
type StepInput =
  & GivenTransition
  & Pick<DeltaStepInput, "logDecay" | "mask">;

/** The steps of a token, of which k has a row each; 1 if its rows are not whole tokens. */
function stepsGiven({ q, k }: GivenTransition): number {
  const steps = (k?.shape?.[2] ?? 0) / (q?.shape?.[2] ?? 0);
  return Number.isInteger(steps) && steps > 0 ? steps : 1;
}

/**
 * The log decays of the state on arriving at each token,
 * `[batch, heads, length, 1 or headDim]`.
 */
function gateOf(
  logDecay: tf.Tensor,
  [batch, heads, length, headDim]: tf.Tensor4D["shape"],
): tf.Tensor4D {
  const perToken: [number, number, number] = [batch, heads, length];
  const given = floats("logDecay", logDecay);
  if (given.rank === 1) {
    assertShape("logDecay", given, [heads], "heads");
    assertLogDecay("logDecay", given);
    const ofHeads = tf.reshape(finite(given), [1, heads, 1, 1]);
    return spread(ofHeads, [...perToken, 1]) as tf.Tensor4D;
  }
  const axes = "batch, heads, length";
  if (given.rank === 4) {
    assertShape("logDecay", given, [...perToken, headDim], `${axes}, headDim`);
    assertLogDecay("logDecay", given);
    return finite(given) as tf.Tensor4D;
  }
  assertShape("logDecay", given, perToken, axes);
  assertLogDecay("logDecay", given);
  return tf.expandDims(finite(given), 3);
}
