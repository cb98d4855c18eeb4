/** The delta rule over a sequence that comes in pieces, at constant memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "../contract/floats.ts";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertShape } from "../contract/shape.ts";
import { withoutPadding } from "../operations/padding.ts";
import { spread } from "./decay_pair.ts";
import { assertDelta } from "./delta_attention.ts";
import { deltaFrom } from "./delta_forms.ts";
import { finite } from "./finite_decay.ts";

/** The tokens that come next. */
export interface DeltaStepInput {
  /** `[batch, heads, length, headDim]` */
  readonly q: tf.Tensor4D;
  /** `[batch, heads, length, headDim]`, each of length one. */
  readonly k: tf.Tensor4D;
  /** `[batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** `[batch, heads, length]`, how much of a value is replaced. */
  readonly beta: tf.Tensor3D;
  /**
   * `[heads]`, `[batch, heads, length]` or, with a decay of each channel, `[batch,
   * heads, length, headDim]`, paid on arrival; without it nothing decays.
   */
  readonly logDecay?: tf.Tensor1D | tf.Tensor3D | tf.Tensor4D;
  /**
   * `[batch, length]`, 1 for a token and 0 for padding, which is as if it were
   * not there; as for deltaAttention.
   */
  readonly mask?: tf.Tensor2D;
}

const INPUT: OptionNames<DeltaStepInput> = {
  q: true,
  k: true,
  v: true,
  beta: true,
  logDecay: true,
  mask: true,
};

/** Options of {@linkcode deltaStep}; those of deltaAttention. */
export interface DeltaStepOptions {
  /** Multiplies q · k of what is read, not of what is corrected. @default 1 / sqrt(headDim) */
  scale?: number;
}

const OPTIONS: OptionNames<DeltaStepOptions> = { scale: true };

/**
 * The next tokens of the delta rule, one or many, token by token. Many steps give
 * what `deltaAttention` gives with `causal: true` on the whole sequence.
 * Differentiable in the state and in all inputs but the mask. In tfjs operations
 * on every backend.
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
 * @param state What came before, `[batch, heads, headDim, valueDim]`, `null` before the first
 * token; it stays as it is, and the caller's.
 * @param input The tokens.
 * @param options See {@linkcode DeltaStepOptions}.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 * @throws {TypeError} If a tensor has the wrong shape or type of number, or an
 * option or input is unknown or of the wrong kind.
 * @throws {RangeError} If a tensor is empty, or an option has an impossible value.
 */
export function deltaStep(
  state: tf.Tensor4D | null,
  input: DeltaStepInput,
  options: DeltaStepOptions = {},
): { y: tf.Tensor4D; state: tf.Tensor4D } {
  assertOptions("deltaStep", options, OPTIONS);
  assertOptions("deltaStep's input", input, INPUT);
  const { q, k, v, beta, logDecay, mask } = input;
  const { scale } = assertDelta(q, k, v, beta, {
    ...options,
    ...(mask === undefined ? {} : { mask }),
  });
  const [batch, heads, length, headDim] = q.shape;
  const valueDim = v.shape[3];
  const ofState: [number, number, number, number] = [
    batch,
    heads,
    headDim,
    valueDim,
  ];
  if (state !== null) {
    assertShape("state", state, ofState, "batch, heads, headDim, valueDim");
  }
  const sequences = batch * heads;
  return tf.tidy(() => {
    const tokens = mask && floats("mask", mask);
    const present = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
    const rows = (x: tf.Tensor4D): tf.Tensor3D =>
      tf.reshape(present(x), [sequences, length, x.shape[3]]);
    const before = state
      ? floats("state", state)
      : tf.zeros<tf.Rank.R4>(ofState);
    const { y, state: after } = deltaFrom(
      tf.reshape(before, [sequences, headDim, valueDim]),
      {
        q: tf.mul(rows(floats("q", q)), scale),
        k: rows(floats("k", k)),
        v: rows(floats("v", v)),
        beta: rows(tf.expandDims(floats("beta", beta), 3)),
        gate: rows(gatesOf(logDecay, q.shape)),
      },
    );
    return {
      y: present(tf.reshape(y, v.shape)),
      state: tf.reshape(after, ofState),
    };
  });
}

/** What the state pays as each token arrives, `[batch, heads, length, 1 or headDim]`. */
function gatesOf(
  logDecay: DeltaStepInput["logDecay"],
  [batch, heads, length, headDim]: tf.Tensor4D["shape"],
): tf.Tensor4D {
  const perToken: [number, number, number] = [batch, heads, length];
  if (!logDecay) return tf.zeros([...perToken, 1]);
  const given: tf.Tensor = finite(floats<tf.Tensor>("logDecay", logDecay));
  if (given.rank === 1) {
    assertShape("logDecay", given, [heads], "heads");
    const ofHeads = tf.reshape(given, [1, heads, 1, 1]);
    return spread(ofHeads, [...perToken, 1]) as tf.Tensor4D;
  }
  const axes = "batch, heads, length";
  if (given.rank === 4) {
    assertShape("logDecay", given, [...perToken, headDim], `${axes}, headDim`);
    return given as tf.Tensor4D;
  }
  assertShape("logDecay", given, perToken, axes);
  return tf.expandDims(given, 3);
}
