/** Mamba-2: a state space model with a scalar state matrix. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../attention/decays/decay.ts";
import { assertLogDecay } from "../attention/decays/log_decay.ts";
import { withoutPadding } from "../operations/padding/padding.ts";
import {
  type Checked,
  type FamilyOptions,
  type Model,
  runModel,
} from "./inputs.ts";

/** Inputs of {@linkcode mamba2}. */
export interface Mamba2Inputs {
  /** Inputs of the state space model (values), `[batch, heads, length, valueDim]`. */
  x: tf.Tensor;
  /** The time step of each token, `[batch, heads, length]`, > 0. */
  dt: tf.Tensor;
  /** The decay rate of each head, `[heads]`, < 0. */
  a: tf.Tensor;
  /**
   * Input vectors B (keys), `[batch, heads, length, headDim]`; headDim is the
   * state size.
   */
  b: tf.Tensor;
  /** Output vectors C (queries), `[batch, heads, length, headDim]`. */
  c: tf.Tensor;
  /** Skip weights: how much of x each head adds to its output, `[heads]`. @default none */
  d?: tf.Tensor | undefined;
}

const MODEL = {
  name: "mamba2",
  inputs: {
    x: "values",
    dt: "per token",
    a: "per head",
    b: "keys",
    c: "keys",
    d: "per head or none",
  },
} as const satisfies Model<Mamba2Inputs>;

/** {@linkcode Mamba2Inputs} whose axes are known. */
export type CheckedMamba2Inputs = Checked<typeof MODEL>;

/**
 * Mamba-2's state space model (SSD):
 *
 *     S_i = e^{Δ_i a} S_{i-1} + b_i (Δ_i x_i)ᵀ    y_i = s S_iᵀ c_i + d x_i
 *
 * In LION, it is LION-S without the division by row sums: queries c, keys b,
 * values Δ x, log decays Δ a, applied on arrival, scale 1. In both directions, d x
 * counts once. The convolution before it and the gate after it are left to the
 * caller.
 *
 * Source: Dao and Gu 2024 (arXiv:2405.21060), equation 2 with the discretisation
 * of its section 7.
 *
 * @example A state without decay adds up its inputs
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { mamba2 } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.tensor4d([1, 2, 3], [1, 1, 3, 1]);
 * const b: tf.Tensor4D = tf.ones([1, 1, 3, 1]);
 * const dt: tf.Tensor3D = tf.ones([1, 1, 3]);
 * const a = tf.tensor1d([-1e-9]);
 * const y = mamba2({ x, dt, a, b, c: b }, { causal: true });
 * const sums = await y.data();
 * [1, 3, 6].forEach((sum, i) => assertAlmostEquals(sums[i]!, sum, 1e-6));
 * ```
 *
 * @param inputs See {@linkcode Mamba2Inputs}.
 * @param options See {@linkcode FamilyOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function mamba2(
  inputs: Mamba2Inputs,
  options: FamilyOptions = {},
): tf.Tensor4D {
  return runModel(
    MODEL,
    inputs,
    options,
    (given, { tokens, lionAttention }) => {
      const { x, dt, a, b, c, d } = given;
      const logDecay = tf.mul(dt, tf.expandDims(a, 1)) as tf.Tensor3D;
      assertLogDecay("mamba2's dt times its a", logDecay);
      const taken = tf.mul(x, tf.expandDims(dt, 3)) as tf.Tensor4D;
      const y = lionAttention(c, b, taken, {
        decay: selectiveDecay(logDecay, { convention: "arrival" }),
        normalize: false,
        scale: options.scale ?? 1,
      });
      if (!d) return y;
      const skipped = tf.mul(x, tf.reshape(d, [-1, 1, 1])) as tf.Tensor4D;
      // x is 0 at padding, but the gradient that arrives there may be anything.
      return tf.add(y, withoutPadding(skipped, tokens));
    },
  );
}
