/**
 * Initial values of learned decays: the horizons of heads and channels are
 * spread, so that some reach each distance.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { withFloats } from "@lionjs/tfjs/kernel";
import {
  assertAllocatable,
  assertFinite,
  assertFloat,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";

/**
 * Returns RetNet's decay per head, `γ_h = 1 - 2^(-5 - h)` for h = 0, 1, …: each
 * head remembers twice as far as the one before it, the first about 32 tokens.
 *
 * Source: Sun et al. 2023 (arXiv:2307.08621), equation 8.
 *
 * @example A head that remembers about 64 tokens
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { retentionDecay } from "@lionjs/lion/family";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [, second] = await retentionDecay(4).data();
 * assertAlmostEquals(Math.exp(second!), 1 - 1 / 64, 1e-7);
 * ```
 *
 * @param heads Number of heads.
 * @returns Natural logarithms, `[heads]`, < 0, for the `logDecay` of
 * `retention` and `fixedDecay`.
 * @throws {TypeError} If `heads` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function retentionDecay(heads: number): tf.Tensor1D {
  return each("heads", heads, (h) => Math.log1p(-(2 ** (-5 - h))));
}

/**
 * Returns S4D-Real: the diagonal of HiPPO-LegS's state matrix as decay rates,
 * which are also Mamba's initial ones: `A_n = -(n + 1)` for n = 0, 1, … In a
 * time step Δ, channel n decays by `e^{Δ A_n}`.
 *
 * Source: Gu et al. 2022 (arXiv:2206.11893), S4D-Real; Gu and Dao 2023
 * (arXiv:2312.00752), section 3.6.
 *
 * @example Log decays of four channels for steps of a tenth
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
 * @param channels Number of channels: the state size, or headDim.
 * @returns Decay rates per unit of time, `[channels]`, < 0.
 * @throws {TypeError} If `channels` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function s4dReal(channels: number): tf.Tensor1D {
  return each("channels", channels, (n) => -(n + 1));
}

/** Complex decay rates, one per channel, in two parts. */
export interface ComplexDecay {
  /** The rate of decay, `[channels]`, < 0. */
  readonly real: tf.Tensor1D;
  /** The rate of rotation in radians, `[channels]`, >= 0. */
  readonly imaginary: tf.Tensor1D;
}

/**
 * Returns S4D-Lin, a diagonal state matrix after HiPPO, whose channels are
 * damped Fourier modes: `A_n = -1/2 + i π n` for n = 0, 1, … A time step Δ
 * multiplies channel n by `e^{Δ A_n}`: its log decay is Δ times the real part
 * and its phase Δ times the imaginary part, the inputs of `gateLoop`.
 *
 * Source: Gu et al. 2022 (arXiv:2206.11893), S4D-Lin.
 *
 * @example All channels decay alike, and each rotates faster than the one
 * before it
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
 * @param channels Number of channels: half the state size of a real model.
 * @returns The two parts, per unit of time.
 * @throws {TypeError} If `channels` is not a number.
 * @throws {RangeError} If it is not a positive integer.
 */
export function s4dLin(channels: number): ComplexDecay {
  return {
    real: each("channels", channels, () => -0.5),
    imaginary: each("channels", channels, (n) => Math.PI * n),
  };
}

/** Options of {@linkcode mambaTimeStep}. */
export interface MambaTimeStepOptions {
  /** The smallest step, > 0. @default 0.001 */
  smallest?: number | undefined;
  /** The largest step, not below the smallest. @default 0.1 */
  largest?: number | undefined;
  /** Seed of the steps. @default a new one each time */
  seed?: number | undefined;
}

const TIME_STEP_OPTIONS = optionsOf<MambaTimeStepOptions>()(
  "smallest largest seed",
);

/**
 * Returns Mamba's random initial time steps Δ, log-uniform as in the authors'
 * code, whereas the paper has uniform steps. With the rates A of
 * {@linkcode s4dReal}, log decays are Δ A; in Mamba-2, each head has one step
 * and one rate.
 *
 * Source: Gu and Dao 2023 (arXiv:2312.00752), section 3.6; after S4 (Gu et al.
 * 2022, arXiv:2111.00396).
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
 * @param channels Number of channels, or of heads.
 * @param options See {@linkcode MambaTimeStepOptions}.
 * @returns Time steps, `[channels]`, > 0.
 * @throws {TypeError} If an argument has the wrong type, or an option is
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
  assertAllocatable({ channels });
  assertFloat("smallest", smallest);
  assertFloat("largest", largest);
  if (seed !== undefined) assertFinite("seed", seed);
  if (!(smallest > 0)) {
    throw new RangeError(`smallest should be above 0, got ${smallest}`);
  }
  if (!(largest >= smallest)) {
    throw new RangeError(
      `largest should be at least smallest, ${smallest}, got ${largest}`,
    );
  }
  return tf.tidy((): tf.Tensor1D => {
    const [low, high] = [Math.log(smallest), Math.log(largest)];
    const share = tf.randomUniform([channels], 0, 1, "float32", seed);
    const steps = tf.exp(tf.add(tf.mul(share, high - low), low));
    // The exponential may round to beyond the limits.
    return tf.minimum(tf.maximum(steps, smallest), largest);
  });
}

/**
 * Returns the logits of log decays, the inverse of {@linkcode logSigmoid}, to
 * initialise layers: LION-D's parameter `a_i` holds one logit per head, for
 * instance RetNet's. LION-S uses 1 - sigmoid, so the bias of its `a_i` has the
 * opposite sign.
 *
 * @example The logits of RetNet's decays
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
 * @returns Logits of the same shape; Infinity for a decay of 1.
 * @throws {TypeError} If `logDecay` is not numeric.
 */
export function decayLogits<T extends tf.Tensor>(logDecay: T): T {
  return withFloats(
    "decayLogits",
    { logDecay },
    ({ logDecay }) =>
      tf.tidy((): T => tf.sub(logDecay, tf.log(withoutOne(logDecay)))),
  );
}

/** The x above which a few terms of the series are exact to float32. */
const NEAR = -1 / 16;

/**
 * Computes 1 - e^x for x <= 0; on a GPU, tf.expm1 subtracts 1 from the
 * exponential, which cancels digits.
 */
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

/** Makes a tensor `[count]` of one number for each index. */
function each(
  name: string,
  count: number,
  value: (index: number) => number,
): tf.Tensor1D {
  assertPositiveInteger(name, count);
  assertAllocatable({ [name]: count });
  return tf.tensor1d(Array.from({ length: count }, (_, i) => value(i)));
}
