/**
 * What decays begin with, before they are learned: how far heads and channels
 * remember is spread out, so that each distance has some that reach it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { withFloats } from "../contract/floats.ts";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertFinite, assertPositiveInteger } from "../contract/values.ts";

/**
 * RetNet's decay of each head, `γ_h = 1 - 2^(-5 - h)` for h = 0, 1, …: each
 * remembers twice as far as the one before it, the first some 32 tokens.
 *
 * Source: Sun et al. 2023 (arXiv:2307.08621), equation 8.
 *
 * @example A head that remembers some 64 tokens
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { retentionDecay } from "@lionjs/lion/family";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [, second] = await retentionDecay(4).data();
 * assertAlmostEquals(Math.exp(second!), 1 - 1 / 64, 1e-7);
 * ```
 *
 * @param heads How many.
 * @returns `[heads]`, natural logarithms, < 0: `logDecay` of `retention` and of
 * `fixedDecay`.
 * @throws {TypeError} If `heads` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function retentionDecay(heads: number): tf.Tensor1D {
  return each("heads", heads, (h) => Math.log1p(-(2 ** (-5 - h))));
}

/**
 * S4D-Real, the diagonal of the state matrix of HiPPO-LegS as paces of forgetting,
 * with which Mamba begins too: `A_n = -(n + 1)` for n = 0, 1, … Channel n keeps `e^{Δ A_n}` in a
 * step of time Δ.
 *
 * Source: Gu et al. 2022 (arXiv:2206.11893), S4D-Real; Gu and Dao 2023
 * (arXiv:2312.00752), section 3.6.
 *
 * @example Log decays of four channels, of steps of a tenth
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { s4dReal } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logDecay = await tf.mul(s4dReal(4), 0.1).data();
 * [-0.1, -0.2, -0.3, -0.4].forEach((wanted, n) =>
 *   assertAlmostEquals(logDecay[n]!, wanted, 1e-7)
 * );
 * ```
 *
 * @param channels How many: the states, or headDim.
 * @returns `[channels]`, < 0, for each unit of time.
 * @throws {TypeError} If `channels` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function s4dReal(channels: number): tf.Tensor1D {
  return each("channels", channels, (n) => -(n + 1));
}

/** Complex numbers, one a channel. */
export interface ComplexPaces {
  /** `[channels]`, < 0: how fast each fades. */
  readonly real: tf.Tensor1D;
  /** `[channels]`, >= 0, in radians: how fast each turns. */
  readonly imaginary: tf.Tensor1D;
}

/**
 * S4D-Lin, the state matrix of which a state space model after HiPPO is a Fourier
 * series: `A_n = -1/2 + i π n` for n = 0, 1, … In a step of time Δ channel n keeps
 * `e^{Δ A_n}`: its log decay is Δ times the real part and its phase Δ times the
 * imaginary one, as `gateLoop` takes them.
 *
 * Source: Gu et al. 2022 (arXiv:2206.11893), S4D-Lin.
 *
 * @example All fade alike, and each turns faster than the one before it
 * ```ts
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 * import { s4dLin } from "@lionjs/lion/family";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { real, imaginary } = s4dLin(3);
 * assertEquals([...await real.data()], [-0.5, -0.5, -0.5]);
 * const turns = await imaginary.data();
 * [0, Math.PI, 2 * Math.PI].forEach((wanted, n) =>
 *   assertAlmostEquals(turns[n]!, wanted, 1e-6)
 * );
 * ```
 *
 * @param channels How many: half of the states of a real model.
 * @returns The two parts, for each unit of time.
 * @throws {TypeError} If `channels` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function s4dLin(channels: number): ComplexPaces {
  return {
    real: each("channels", channels, () => -0.5),
    imaginary: each("channels", channels, (n) => Math.PI * n),
  };
}

/** Options of {@linkcode mambaTimeStep}. */
export interface MambaTimeStepOptions {
  /** The smallest step, > 0. @default 0.001 */
  smallest?: number;
  /** The largest step, not below the smallest. @default 0.1 */
  largest?: number;
  /** The same seed gives the same steps. @default another each time */
  seed?: number;
}

const TIME_STEP_OPTIONS: OptionNames<MambaTimeStepOptions> = {
  smallest: true,
  largest: true,
  seed: true,
};

/**
 * Mamba's time steps Δ at the beginning, random, of which the logarithms are
 * uniform, as in its authors' code; the paper has uniform steps. With the paces A of {@linkcode s4dReal} the log decays are Δ A; in
 * Mamba-2 each head has one step and one pace.
 *
 * Source: Gu and Dao 2023 (arXiv:2312.00752), section 3.6; S4's (Gu et al. 2022,
 * arXiv:2111.00396).
 *
 * @example The log decay of each channel and state
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { mambaTimeStep, s4dReal } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const steps = mambaTimeStep(8, { seed: 1 });
 * const logDecay = tf.outerProduct(steps, s4dReal(16));
 * assertEquals(logDecay.shape, [8, 16]);
 * assert((await steps.data()).every((step) => step >= 0.001 && step <= 0.1));
 * ```
 *
 * @param channels How many, or how many heads.
 * @param options See {@linkcode MambaTimeStepOptions}.
 * @returns `[channels]`, > 0.
 * @throws {TypeError} If an argument is of the wrong type, or an option
 * unknown.
 * @throws {RangeError} If an option has an invalid value.
 */
export function mambaTimeStep(
  channels: number,
  options: MambaTimeStepOptions = {},
): tf.Tensor1D {
  assertOptions("mambaTimeStep", options, TIME_STEP_OPTIONS);
  assertPositiveInteger("channels", channels);
  const { smallest = 0.001, largest = 0.1, seed } = options;
  assertFinite("smallest", smallest);
  assertFinite("largest", largest);
  if (seed !== undefined) assertFinite("seed", seed);
  if (!(smallest > 0)) {
    throw new RangeError(`smallest should be above 0, got ${smallest}`);
  }
  if (!(largest >= smallest)) {
    throw new RangeError(
      `largest should be ${smallest} or more, as smallest is, got ${largest}`,
    );
  }
  return tf.tidy((): tf.Tensor1D => {
    const [low, high] = [Math.log(smallest), Math.log(largest)];
    const share = tf.randomUniform([channels], 0, 1, "float32", seed);
    const steps = tf.exp(tf.add(tf.mul(share, high - low), low));
    // The exponential rounds.
    return tf.minimum(tf.maximum(steps, smallest), largest);
  });
}

/**
 * The logits of which log decays are the {@linkcode logSigmoid}: with those of
 * RetNet a layer of LION-D can begin, whose parameter `a_i` has one for each head.
 * LION-S has 1 - sigmoid, and the bias of its `a_i` the opposite sign.
 *
 * @example A layer's logits of RetNet's decays
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { logSigmoid } from "@lionjs/lion";
 * import { decayLogits, retentionDecay } from "@lionjs/lion/family";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logits = decayLogits(retentionDecay(3));
 * const [first] = await logits.data();
 * assertAlmostEquals(first!, Math.log(31), 1e-5);
 * const [decay] = await logSigmoid(logits).data();
 * assertAlmostEquals(decay!, Math.log(31 / 32), 1e-7);
 * ```
 *
 * @param logDecay Natural logarithms of decays, < 0, of any shape.
 * @returns The same shape; Infinity for a decay of 1.
 * @throws {TypeError} If `logDecay` does not hold numbers.
 */
export function decayLogits<T extends tf.Tensor>(logDecay: T): T {
  return withFloats(
    "decayLogits",
    { logDecay },
    ({ logDecay }) =>
      tf.tidy((): T => tf.sub(logDecay, tf.log(withoutOne(logDecay)))),
  );
}

/** From here on to 0 a few terms of the series are as good as float32. */
const NEAR = -1 / 16;

/** 1 - e^x for x <= 0: tf.expm1 is the exponential less 1 on a GPU, and cancels. */
function withoutOne(x: tf.Tensor): tf.Tensor {
  const term = (divisor: number, further: tf.Tensor) =>
    tf.add(1, tf.mul(tf.div(x, divisor), further));
  const series = term(2, term(3, term(4, tf.onesLike(x))));
  return tf.where(
    tf.greater(x, NEAR),
    tf.mul(tf.neg(x), series),
    tf.sub(1, tf.exp(x)),
  );
}

/** A number of each of so many. */
function each(
  name: string,
  count: number,
  value: (index: number) => number,
): tf.Tensor1D {
  assertPositiveInteger(name, count);
  return tf.tensor1d(Array.from({ length: count }, (_, i) => value(i)));
}
