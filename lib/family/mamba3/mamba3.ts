/** Mamba-3: a state space model that turns, with two writes a token. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { assertLogDecay } from "../../attention/decays/log_decay.ts";
import { lionAttention } from "../../attention/lion_attention.ts";
import { inBothDirections } from "../../operations/directions/directions.ts";
import { endsOf } from "../../operations/segments.ts";
import { shifted } from "../../operations/shift.ts";
import { joinSweeps, turnSweeps } from "../../operations/turned/sweeps.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { assertBoolean } from "@lionjs/base";
import {
  type Checked,
  type Model,
  runModel,
  WHOLE_SEQUENCE_OPTIONS,
  type WholeSequenceOptions,
} from "../inputs.ts";

/** Inputs of {@linkcode mamba3}. */
export interface Mamba3Inputs {
  /** Inputs of the state space model (values), `[batch, heads, length, valueDim]`. */
  x: tf.Tensor;
  /** The time step of each token, `[batch, heads, length]`, > 0. */
  dt: tf.Tensor;
  /** The decay rate at each token, `[batch, heads, length]`, < 0. */
  a: tf.Tensor;
  /**
   * Input vectors B (keys), `[batch, heads, length, headDim]`; headDim is the
   * state size.
   */
  b: tf.Tensor;
  /** Output vectors C (queries), `[batch, heads, length, headDim]`. */
  c: tf.Tensor;
  /**
   * Angles in radians by which pairs of the state's channels turn on arriving
   * at each token, `[batch, heads, length, angles]`, at most one for two
   * channels: the m-th turns channels 2m and 2m + 1. @default none turn
   */
  phase?: tf.Tensor | undefined;
  /**
   * The share of its time step with which each token writes itself, from 0 to
   * 1, `[batch, heads, length]`; with the rest, its neighbour is written again.
   * @default 1 (Euler's rule); ½ is the trapezoidal rule
   */
  trapezoid?: tf.Tensor | undefined;
  /** Skip weights: how much of x each head adds to its output, `[heads]`. @default none */
  d?: tf.Tensor | undefined;
}

const MODEL = {
  name: "mamba3",
  inputs: {
    x: "values",
    dt: "per token",
    a: "per token",
    b: "keys",
    c: "keys",
    phase: "per angle or none",
    trapezoid: "per token or none",
    d: "per head or none",
  },
  options: WHOLE_SEQUENCE_OPTIONS,
} as const satisfies Model<Mamba3Inputs>;

/** {@linkcode Mamba3Inputs} whose axes are known. */
export type CheckedMamba3Inputs = Checked<typeof MODEL>;

/**
 * Mamba-3's state space model with one input and one output (SISO):
 *
 *     S_i = e^{Δ_i a_i} R(-φ_i) (S_{i-1} + (1 - λ_i) Δ_i b_{i-1} x_{i-1}ᵀ) + λ_i Δ_i b_i x_iᵀ
 *     y_i = s S_iᵀ c_i + d x_i
 *
 * where R turns pairs of channels, and the token before the first is 0. In
 * LION, it is LION-S without the division by row sums: queries c and keys b,
 * both turned by all angles so far, log decays Δ a, applied on arrival, and
 * values (Δ_j λ_j + Δ_{j+1} (1 - λ_{j+1})) x_j, of which the second term is not
 * for the token itself. In both directions there are two such sweeps, each with
 * the neighbour of its own side; the token's own write counts once, and so does
 * d x. At padding vectors are 0, while decays, angles and shares go on. The
 * normalisation before it and the gate after it are left to the caller.
 *
 * Source: Lahoti et al. 2026 (arXiv:2603.15569), section 3.
 *
 * @example The trapezoidal rule writes halves: of each token and of the one before
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { mamba3 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.tensor4d([1, 2, 4], [1, 1, 3, 1]);
 * const b: tf.Tensor4D = tf.ones([1, 1, 3, 1]);
 * const dt: tf.Tensor3D = tf.ones([1, 1, 3]);
 * const a = tf.fill([1, 1, 3], -1e-9), trapezoid = tf.fill([1, 1, 3], 0.5);
 * const y = mamba3({ x, dt, a, b, c: b, trapezoid }, { causal: true });
 * const integrals = await y.data();
 * [0.5, 2, 5].forEach((sum, i) => assertAlmostEquals(integrals[i]!, sum, 1e-6));
 * ```
 *
 * @param inputs See {@linkcode Mamba3Inputs}.
 * @param options See {@linkcode WholeSequenceOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If there are more angles than pairs of channels, or an
 * option has an invalid value.
 */
export function mamba3(
  inputs: Mamba3Inputs,
  options: WholeSequenceOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, (given, { tokens, segments }) => {
    const { scale = 1, causal = false } = options;
    assertBoolean("causal", causal);
    const { x, dt, a, b, c, phase, d } = given;
    assertAngles(phase, b);
    const rates = tf.mul(dt, a) as tf.Tensor3D;
    assertLogDecay("mamba3's dt times its a", rates);
    const { own, before, after } = writes(given, segments);
    // Both directions read the same vectors if there are no angles and neighbours.
    const isOneSweep = causal || !phase && !before;
    const { q, k, v, products } = turnSweeps({
      ...{ x, b, c, phase, after: sumOf(own, after) },
      ...isOneSweep ? {} : { before: sumOf(own, before) },
    }, segments);
    const both = <T extends tf.Tensor>(x: T, axis: number) =>
      isOneSweep ? x : inBothDirections(x, x, axis);
    const read = lionAttention(q, k, v, {
      ...options,
      mask: undefined,
      segments: segments && both(segments, 1),
      decay: selectiveDecay(both(rates, 2), { convention: "arrival" }),
      normalize: false,
      causal: causal || !isOneSweep,
      scale,
    });
    // What sweeps read of the token itself beside its own write.
    const excess = isOneSweep ? after : sumOf(own, after, before);
    const share = sumOf(
      excess && tf.mul(products, tf.mul(excess, -scale)),
      d && tf.reshape(d, [1, d.shape[0], 1]),
    );
    if (!share) return withoutPadding(read, tokens);
    const ofItself: tf.Tensor3D = tf.broadcastTo(share, rates.shape);
    return withoutPadding(joinSweeps(read, x, ofItself), tokens);
  });
}

/** How much of its x each token writes, `[batch, heads, length]` each. */
interface Writes {
  /** What a token writes by itself. */
  readonly own: tf.Tensor3D;
  /** A token is written again with the one before it, for that side; a segment's first one is not. */
  readonly before: tf.Tensor3D | undefined;
  /** A token is written again with the one after it, for that side; a segment's last one is not. */
  readonly after: tf.Tensor3D | undefined;
}

function writes(
  { dt, trapezoid }: Pick<CheckedMamba3Inputs, "dt" | "trapezoid">,
  segments: tf.Tensor2D | undefined,
): Writes {
  if (!trapezoid) return { own: dt, before: undefined, after: undefined };
  const again: tf.Tensor3D = tf.mul(dt, tf.sub(1, trapezoid));
  const ends = segments && endsOf(segments);
  const of = (by: number, end: tf.Tensor2D | undefined): tf.Tensor3D => {
    const neighbours = shifted(again, by, 2);
    if (!end) return neighbours;
    const isWithin = tf.cast(tf.logicalNot(end), "float32");
    return tf.mul(neighbours, tf.expandDims(isWithin, 1));
  };
  return {
    own: tf.mul(dt, trapezoid),
    before: of(1, ends?.first),
    after: of(-1, ends?.last),
  };
}

/** The sum of weights, of which some may be left out. */
function sumOf(
  first: tf.Tensor3D,
  ...others: (tf.Tensor3D | undefined)[]
): tf.Tensor3D;
function sumOf(...terms: (tf.Tensor3D | undefined)[]): tf.Tensor3D | undefined;
function sumOf(...terms: (tf.Tensor3D | undefined)[]): tf.Tensor3D | undefined {
  return terms.filter((term) => term !== undefined)
    .reduce<tf.Tensor3D | undefined>(
      (sum, term) => sum ? tf.add(sum, term) : term,
      undefined,
    );
}

/** Throws unless there are two channels or more for each angle. */
function assertAngles(
  phase: tf.Tensor4D | undefined,
  { shape: [, , , headDim] }: tf.Tensor4D,
): void {
  const angles = phase?.shape[3] ?? 0;
  if (2 * angles <= headDim) return;
  throw new RangeError(
    `mamba3's phase should have at most one angle for two of b's ${headDim} channels, got ${angles}; leave out the last ones, or use a larger headDim`,
  );
}
