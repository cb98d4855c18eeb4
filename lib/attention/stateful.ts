/** Causal attention over a sequence that comes in pieces, at constant memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "../contract/floats.ts";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertPositiveInteger } from "../contract/values.ts";
import { withoutPadding } from "../operations/padding.ts";
import {
  assertConvention,
  type DecayConvention,
  fixedDecay,
  noDecay,
  selectiveDecay,
} from "./decay.ts";
import { explainAttention, lionAttention } from "./lion_attention.ts";
import { divided, splitSums, withOnes } from "./normalizer.ts";
import { assertShape } from "../contract/shape.ts";

/** All that causal attention remembers of the tokens before. */
export type RecurrentState = {
  /** Σ_j M_j k_j (v_j, 1)ᵀ, `[batch, heads, headDim, valueDim + 1]`. */
  readonly sum: tf.Tensor4D;
  /** Log decay that the sum pays when the next token arrives, `[batch, heads]`. */
  readonly due: tf.Tensor2D;
};

/** The tokens that come next. */
export interface RecurrentInput {
  /** `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly q: tf.Tensor4D;
  /** `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly k: tf.Tensor4D;
  /** `[batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** `[heads]` or `[batch, heads, length]`; without it nothing decays. */
  readonly logDecay?: tf.Tensor1D | tf.Tensor3D;
  /**
   * `[batch, length]`, 1 for a token and 0 for padding, which is never read
   * and changes the state by its decays alone; as for lionAttention.
   */
  readonly mask?: tf.Tensor2D;
}

const INPUT: OptionNames<RecurrentInput> = {
  q: true,
  k: true,
  v: true,
  logDecay: true,
  mask: true,
};

/** Options of {@linkcode recurrentStep}; those of lionAttention. */
export interface RecurrentStepOptions {
  /** Which token's decay counts. @default "source" */
  convention?: DecayConvention;
  /** Multiplies q · k. @default 1 / sqrt(headDim) */
  scale?: number;
  /** Whether to divide by the row sum of the scores. @default true */
  normalize?: boolean;
  /** Added to the row sum; 0 or more. @default 1e-6 */
  epsilon?: number;
}

const OPTIONS: OptionNames<RecurrentStepOptions> = {
  convention: true,
  scale: true,
  normalize: true,
  epsilon: true,
};

/** Of a sequence that comes in pieces. */
interface RecurrentSizes {
  batch: number;
  heads: number;
  headDim: number;
  valueDim: number;
}

const SIZES: OptionNames<RecurrentSizes> = {
  batch: true,
  heads: true,
  headDim: true,
  valueDim: true,
};

/**
 * The state before the first token.
 *
 * @param sizes Of what is to come.
 * @returns The state; the caller disposes of its tensors.
 * @throws {TypeError} If a size is missing, unknown or no number.
 * @throws {RangeError} If a size is no positive integer.
 */
export function recurrentState(sizes: RecurrentSizes): RecurrentState {
  assertOptions("recurrentState", sizes, SIZES);
  for (const name of Object.keys(SIZES) as (keyof RecurrentSizes)[]) {
    assertPositiveInteger(name, sizes[name]);
  }
  const { batch, heads, headDim, valueDim } = sizes;
  return {
    sum: tf.zeros([batch, heads, headDim, valueDim + 1]),
    due: tf.zeros([batch, heads]),
  };
}

/**
 * Causal attention of the next tokens, one or many, to themselves and to all
 * that the state remembers. Many steps give what `lionAttention` gives with
 * `causal: true` on the whole sequence.
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
 * @param state What came before; it stays as it is, and the caller's.
 * @param input The tokens.
 * @param options See {@linkcode RecurrentStepOptions}.
 * @returns y, `[batch, heads, length, valueDim]`, and the state after the tokens.
 * @throws {TypeError} If a tensor has the wrong shape or type of number, or an
 * option or input is unknown or of the wrong kind.
 * @throws {RangeError} If an option has an impossible value.
 */
export function recurrentStep(
  state: RecurrentState,
  input: RecurrentInput,
  options: RecurrentStepOptions = {},
): { y: tf.Tensor4D; state: RecurrentState } {
  assertOptions("recurrentStep", options, OPTIONS);
  assertOptions("recurrentStep's input", input, INPUT);
  const { q, k, v, mask } = input;
  explainAttention(q, k, v, {
    ...pick(options),
    ...(mask === undefined ? {} : { mask }),
  });
  const [batch, heads, length, headDim] = q.shape;
  const {
    convention = "source",
    scale = 1 / Math.sqrt(headDim),
    normalize = true,
    epsilon = 1e-6,
  } = options;
  assertConvention("convention", convention);
  const valueDim = v.shape[3];
  assertShape(
    "state.sum",
    state.sum,
    [batch, heads, headDim, valueDim + 1],
    "batch, heads, headDim, valueDim + 1",
  );
  assertShape("state.due", state.due, [batch, heads], "batch, heads");
  const result = tf.tidy(() => {
    const tokens = mask && floats("mask", mask);
    const read = (name: string, x: tf.Tensor4D) =>
      tokens ? withoutPadding(floats(name, x), tokens) : floats(name, x);
    const queries = read("q", q), keys = read("k", k);
    const values = withOnes(read("v", v));
    const before = floats("state.sum", state.sum);
    const { own, arrival, due } = decaysOf(
      q.shape,
      input.logDecay && floats("logDecay", input.logDecay),
      floats("state.due", state.due),
      convention,
    );
    const inside = lionAttention(queries, keys, values, {
      decay: own,
      causal: true,
      normalize: false,
      scale,
    });
    // From the state to each token, and from each token to the last one: each is
    // its own sum, since a difference of sums would cancel.
    const entering = tf.exp(tf.cumsum(arrival, 2));
    const leaving = tf.exp(shiftedSum(arrival));
    const ofState = tf.matMul(
      tf.mul(tf.mul(queries, scale), tf.expandDims(entering, 3)),
      before,
    );
    const sums = tf.add(inside, ofState) as tf.Tensor4D;
    const through = tf.slice(entering, [0, 0, length - 1], [-1, -1, 1]);
    const sum = tf.add(
      tf.mul(before, tf.expandDims(through, 3)),
      tf.matMul(tf.mul(keys, tf.expandDims(leaving, 3)), values, true),
    );
    const y = normalize ? divided(sums, epsilon, tokens) : splitSums(sums)[0];
    return { y: tokens ? withoutPadding(y, tokens) : y, sum, due };
  });
  return {
    y: result.y,
    state: { sum: result.sum as tf.Tensor4D, due: result.due },
  };
}

function pick({ scale, normalize, epsilon }: RecurrentStepOptions) {
  return {
    ...(scale === undefined ? {} : { scale }),
    ...(normalize === undefined ? {} : { normalize }),
    ...(epsilon === undefined ? {} : { epsilon }),
  };
}

/** Σ of what the tokens after each one pay on arriving. */
function shiftedSum(arrival: tf.Tensor3D): tf.Tensor3D {
  return tf.cumsum(arrival, 2, true, true);
}

/**
 * The decay of attention among the tokens, what the state pays as each token
 * arrives, `[batch, heads, length]`, and what it owes to the one after them.
 */
function decaysOf(
  [batch, heads, length]: tf.Tensor4D["shape"],
  logDecay: tf.Tensor1D | tf.Tensor3D | undefined,
  due: tf.Tensor2D,
  convention: DecayConvention,
) {
  const zero = tf.zeros([batch, heads, 1]);
  if (!logDecay) {
    const arrival = tf.zeros<tf.Rank.R3>([batch, heads, length]);
    return { own: noDecay(), arrival, due: tf.zerosLike(due) };
  }
  if (logDecay.rank === 1) {
    assertShape("logDecay", logDecay, [heads], "heads");
    const each = tf.add(tf.reshape(logDecay, [1, heads, 1]), zero);
    const arrival = tf.add(
      each,
      tf.zeros([batch, heads, length]),
    ) as tf.Tensor3D;
    return {
      own: fixedDecay(logDecay as tf.Tensor1D),
      arrival,
      due: tf.squeeze(each, [2]) as tf.Tensor2D,
    };
  }
  const gates = logDecay as tf.Tensor3D;
  assertShape(
    "logDecay",
    gates,
    [batch, heads, length],
    "batch, heads, length",
  );
  const own = selectiveDecay(gates, { convention });
  if (convention === "arrival") {
    return { own, arrival: gates, due: tf.zerosLike(due) };
  }
  const last = tf.slice(gates, [0, 0, length - 1], [-1, -1, 1]);
  const first = tf.expandDims(due, 2);
  return {
    own,
    arrival: length === 1 ? first as tf.Tensor3D : tf.concat([
      first,
      tf.slice(gates, [0, 0, 0], [-1, -1, length - 1]),
    ], 2) as tf.Tensor3D,
    due: tf.squeeze(last, [2]) as tf.Tensor2D,
  };
}
