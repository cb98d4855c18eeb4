/** Causal attention on a sequence that arrives in steps, with constant memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertShape, floats, isRecording } from "@lionjs/tfjs/kernel";
import {
  assertAllocatable,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import { tokensIn } from "../../operations/padding/padding.ts";
import { assertConvention, type DecayConvention } from "../decays/decay.ts";
import { assertOfBatch, type DecayPair } from "../decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { assertLogDecay } from "../decays/log_decay.ts";
import { assertAttention } from "../forms/checks.ts";
import { attendWithState } from "../planning/with_state.ts";

/** The state of causal attention, which summarises all earlier tokens. */
export type RecurrentState = {
  /** The state matrix Σ_j M_j k_j (v_j, 1)ᵀ, `[batch, heads, headDim, valueDim + 1]`. */
  readonly sum: tf.Tensor4D;
  /**
   * The log decay of the sum when the next token arrives, `[batch, heads]`;
   * with diagonal decays, one per row of the sum, `[batch, heads, headDim]`.
   */
  readonly due: tf.Tensor2D | tf.Tensor3D;
};

/** The vectors of the next tokens. */
export interface RecurrentInput {
  /** Queries, `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor;
  /**
   * The log decay, `[heads]`, `[batch, heads, length]` or, if diagonal,
   * `[batch, heads, length, headDim]`, where batch may be 1. Give it in all steps
   * of a sequence or in none: without it, not even the decay that is due from the
   * step before is applied. @default nothing decays
   */
  readonly logDecay?: tf.Tensor | undefined;
  /**
   * The padding mask, `[batch, length]`: 1 for a token, 0 for padding, as for
   * lionAttention: padding is never read, and changes the state only by its
   * decays.
   */
  readonly mask?: tf.Tensor | undefined;
}

const INPUT = optionsOf<RecurrentInput>()("q k v logDecay mask");

/**
 * Options of {@linkcode recurrentStep}, which mean the same as for
 * lionAttention.
 */
export interface RecurrentStepOptions {
  /** Which token's decay applies between two neighbours. @default "source" */
  convention?: DecayConvention | undefined;
  /** The factor of the scores q · k. @default 1 / sqrt(headDim) */
  scale?: number | undefined;
  /** Whether to divide by the row sum of the scores. @default true */
  normalize?: boolean | undefined;
  /** The number added to the row sum; 0 or more. @default 1e-6 */
  epsilon?: number | undefined;
  /**
   * Whether a fused kernel may run; `false` runs TensorFlow.js operations, the
   * reference that the kernels are tested against. @default true
   */
  kernel?: boolean | undefined;
}

const OPTIONS = optionsOf<RecurrentStepOptions>()(
  "convention scale normalize epsilon kernel",
);

/** The sizes of a sequence's keys and values. */
interface RecurrentSizes {
  batch: number;
  heads: number;
  headDim: number;
  valueDim: number;
}

const SIZES = optionsOf<RecurrentSizes>()("batch heads headDim valueDim");

/**
 * Returns the state before the first token, from which
 * {@linkcode recurrentStep} starts.
 *
 * @example A state before any token
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { recurrentState } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sizes = { batch: 1, heads: 2, headDim: 8, valueDim: 4 };
 * const state = recurrentState(sizes);
 * assertEquals(state.sum.shape, [1, 2, 8, 5]); // and one column that normalises
 * assertEquals(await tf.max(tf.abs(state.sum)).array(), 0);
 * tf.dispose(state);
 * ```
 *
 * @param sizes The sizes of the sequence's keys and values.
 * @returns The state; the caller disposes of its tensors.
 * @throws {TypeError} If a size is missing, unknown or not a number.
 * @throws {RangeError} If a size is not a positive integer, or together they are
 * of more than 2^30 numbers.
 */
export function recurrentState(sizes: RecurrentSizes): RecurrentState {
  assertOptions("recurrentState", sizes, SIZES);
  for (const name of Object.keys(SIZES) as (keyof RecurrentSizes)[]) {
    assertPositiveInteger(name, sizes[name]);
  }
  const { batch, heads, headDim, valueDim } = sizes;
  assertAllocatable({ batch, heads, headDim, "(valueDim + 1)": valueDim + 1 });
  return {
    sum: tf.zeros([batch, heads, headDim, valueDim + 1]),
    due: tf.zeros<tf.Rank.R2>([batch, heads]),
  };
}

/**
 * Computes causal attention of the next tokens, one or many, to themselves and
 * to all earlier tokens, which the state summarises. Together, the steps return
 * what `lionAttention` returns with `causal: true` for the whole sequence.
 *
 * Source: LION (arXiv:2502.16249), section 2; Katharopoulos et al. 2020 (arXiv:2006.16236).
 *
 * @example Token by token
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { fixedDecay, lionAttention, recurrentState, recurrentStep } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.randomUniform([1, 2, 5, 3]);
 * const logDecay = tf.tensor1d([-0.1, -1]);
 * const whole = await lionAttention(x, x, x, { decay: fixedDecay(logDecay), causal: true }).array();
 *
 * let state = recurrentState({ batch: 1, heads: 2, headDim: 3, valueDim: 3 });
 * for (let i = 0; i < 5; i++) {
 *   const token = tf.slice(x, [0, 0, i, 0], [1, 2, 1, 3]) as tf.Tensor4D;
 *   const step = recurrentStep(state, { q: token, k: token, v: token, logDecay });
 *   state = step.state;
 *   const [value] = await step.y.data();
 *   assertAlmostEquals(value!, whole[0]![0]![i]![0]!, 1e-5);
 * }
 * ```
 *
 * @param state The state after the tokens so far; it is not changed, and the
 * caller disposes of it.
 * @param input The tokens.
 * @param options See {@linkcode RecurrentStepOptions}.
 * @returns The outputs y, `[batch, heads, length, valueDim]`, and the state
 * after the tokens.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option or
 * input is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function recurrentStep(
  state: Readonly<Record<keyof RecurrentState, tf.Tensor>>,
  input: RecurrentInput,
  options: RecurrentStepOptions = {},
): { y: tf.Tensor4D; state: RecurrentState } {
  assertOptions("recurrentStep", options, OPTIONS);
  assertOptions("recurrentStep's input", input, INPUT);
  const { q, k, v, mask } = input;
  const { convention = "source", ...others } = options;
  assertConvention("convention", convention);
  const { settings, kernel, vectors } = assertAttention(
    { q, k, v },
    { ...others, mask },
  );
  const [batch, heads, , headDim] = vectors.q.shape;
  const { sum, due: dueBefore } = Object(state) as typeof state;
  assertShape(
    "state.sum",
    sum,
    [batch, heads, headDim, vectors.v.shape[3] + 1],
    "batch, heads, headDim, valueDim + 1",
  );
  if (dueBefore?.rank === 3) {
    const axes = "batch, heads, headDim";
    assertShape("state.due", dueBefore, [batch, heads, headDim], axes);
  } else assertShape("state.due", dueBefore, [batch, heads], "batch, heads");
  return tf.tidy(() => {
    const { arrival, due } = decaysOf(
      vectors.q.shape,
      input.logDecay === undefined
        ? undefined
        : floats("logDecay", input.logDecay),
      floats("state.due", dueBefore),
      convention,
    );
    const { y, forward } = attendWithState(
      floats("q", vectors.q),
      floats("k", vectors.k),
      floats("v", vectors.v),
      arrival && { forward: arrival, backward: null } as DecayPair,
      {
        ...settings,
        ...{ causal: true, kernel },
        before: withZerosOf(floats("state.sum", sum), [
          dueBefore,
          ...(input.logDecay ? [input.logDecay] : []),
        ]),
        tokens: mask && tokensIn("mask", mask),
      },
    );
    return { y, state: { sum: forward, due } };
  });
}

/**
 * Adds zeros made from tensors that may not be read, so that they still have a
 * gradient, of zero: the decay that is due applies at the first token, and the last
 * token's decay after these tokens.
 */
function withZerosOf(
  x: tf.Tensor4D,
  unread: readonly tf.Tensor[],
): tf.Tensor4D {
  if (!isRecording()) return x;
  const zeros = unread.map((x) => tf.sum(tf.zerosLike(floats("x", x))));
  return tf.add(x, tf.addN(zeros));
}

/**
 * The log decays of the state on arriving at each token, `[batch or 1, heads, length]`
 * or, if diagonal, `[batch, heads, length, headDim]`, if there are any; and the one that
 * is due at the token after them.
 */
function decaysOf(
  [batch, heads, length, headDim]: tf.Tensor4D["shape"],
  logDecay: tf.Tensor | undefined,
  due: RecurrentState["due"],
  convention: DecayConvention,
): {
  arrival: tf.Tensor3D | tf.Tensor4D | null;
  due: RecurrentState["due"];
} {
  if (!logDecay) return { arrival: null, due: tf.zerosLike(due) };
  if (logDecay.rank === 1) {
    assertShape("logDecay", logDecay, [heads], "heads");
    assertLogDecay("logDecay", logDecay);
    const each = tf.reshape(finite(logDecay), [1, heads, 1]);
    return {
      arrival: spread(each, [1, heads, length]) as tf.Tensor3D,
      due: tf.add(tf.squeeze(each, [2]), tf.zeros([batch, heads])),
    };
  }
  const isDiagonal = logDecay.rank === 4;
  const shape = [batch, heads, length, ...(isDiagonal ? [headDim] : [])];
  const axes = `batch, heads, length${isDiagonal ? ", headDim" : ""}`;
  assertOfBatch("logDecay", logDecay, shape, axes);
  assertLogDecay("logDecay", logDecay);
  const gates = spread(finite(logDecay), shape);
  if (convention === "arrival") {
    return {
      arrival: gates as tf.Tensor3D | tf.Tensor4D,
      due: tf.zerosLike(due),
    };
  }
  const atFirst = finite(due as tf.Tensor);
  const [others, last] = length === 1
    ? [undefined, gates]
    : tf.split(gates, [length - 1, 1], 2);
  const perToken = [tf.expandDims(atFirst, 2), ...(others ? [others] : [])];
  // A scalar decay may occur beside a diagonal one.
  const sameRank = perToken.some(({ rank }) => rank === 4)
    ? perToken.map((x) =>
      x.rank === 4 ? x : spread(tf.expandDims(x, 3), [...x.shape, headDim])
    )
    : perToken;
  return {
    arrival: tf.concat(sameRank, 2) as tf.Tensor3D | tf.Tensor4D,
    due: tf.squeeze(last!, [2]) as RecurrentState["due"],
  };
}
