/** mLSTM: linear attention with exponential input gates. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../operations/log_sigmoid/log_sigmoid.ts";
import type { LogDecayPair } from "../attention/decays/decay_pair.ts";
import { LOWEST_LOG_DECAY } from "../operations/finite_decay/finite_decay.ts";
import { lionAttention } from "../attention/lion_attention.ts";
import { splitSums, withOnes } from "../attention/forms/normalizer.ts";
import { withBorders } from "../attention/decays/segment_borders.ts";
import { endsOf } from "../operations/segments.ts";
import {
  type Checked,
  type Model,
  runModel,
  WHOLE_SEQUENCE_OPTIONS,
  type WholeSequenceOptions,
} from "./inputs.ts";
import { largestWeights } from "./largest_weights.ts";

/** Inputs of {@linkcode mlstm}. */
export interface MlstmInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /** Input gate: log of how much each token writes, `[batch, heads, length]`, unbounded. */
  inputGate: tf.Tensor;
  /**
   * The forget gate: the logit of how much is kept on arriving at each token,
   * `[batch, heads, length]`.
   */
  forgetGate: tf.Tensor;
}

const MODEL = {
  name: "mlstm",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    inputGate: "per token",
    forgetGate: "per token",
  },
  options: WHOLE_SEQUENCE_OPTIONS,
} as const satisfies Model<MlstmInputs>;

/** {@linkcode MlstmInputs} whose axes are known. */
export type CheckedMlstmInputs = Checked<typeof MODEL>;

/**
 * xLSTM's matrix memory: tokens write with unbounded weights.
 *
 *     S_i = σ(f_i) S_{i-1} + e^{ĩ_i} k_i v_iᵀ    z_i = σ(f_i) z_{i-1} + e^{ĩ_i} k_i
 *     y_i = s S_iᵀ q_i / max(|s z_i · q_i|, 1)
 *
 * In LION, it is LION-LSTM: LION-S with log decays log σ(f), applied on arrival,
 * and keys e^ĩ k, divided by max(|N|, 1) instead of the row sum N. All weights
 * are computed relative to the largest one that a token reads in either
 * direction, m_i: decays e^{f_i + m_{i-1} - m_i} and keys e^{ĩ_i - m_i} k_i
 * have no exponent above 0, so no form overflows, whatever the gates.
 *
 * Source: Beck et al. 2024 (arXiv:2405.04517), equations 19 to 27.
 *
 * @example A gate of e^100 does not overflow
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { mlstm } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const inputGate: tf.Tensor3D = tf.tensor3d([0, 100], [1, 1, 2]);
 * const forgetGate: tf.Tensor3D = tf.zeros([1, 1, 2]);
 * const y = await mlstm({ q, k: q, v, inputGate, forgetGate }).data();
 * assertAlmostEquals(y[1]!, 5, 1e-5);
 * ```
 *
 * @param inputs See {@linkcode MlstmInputs}.
 * @param options See {@linkcode WholeSequenceOptions}; the scale is 1 / sqrt(headDim).
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function mlstm(
  inputs: MlstmInputs,
  options: WholeSequenceOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, (given, { tokens, segments }) => {
    const { causal = false } = options;
    const { q, k, v, inputGate, forgetGate } = given;
    const kept = logSigmoid(forgetGate);
    const decays: LogDecayPair = {
      forward: kept,
      backward: causal ? null : kept,
    };
    const { forward, backward } = segments
      ? withBorders(decays, endsOf(segments), { heads: kept.shape[1], causal })
      : decays;
    const logWeights = tokens ? hidePadding(inputGate, tokens) : inputGate;
    const before = largestWeights(logWeights, forward, "before");
    const largest: tf.Tensor3D = backward
      ? tf.maximum(before, largestWeights(logWeights, backward, "after"))
      : before;
    const weights = tf.exp(tf.sub(logWeights, largest));
    const past = relative(forward, largest, "before");
    // Causal attention does not read the decays from the future, so any tensor serves.
    const future = backward ? relative(backward, largest, "after") : past;
    const keys: tf.Tensor4D = tf.mul(k, tf.expandDims(weights, 3));
    const sums = lionAttention(q, keys, withOnes(v), {
      ...options,
      // A kind whose log decays are not checked to be <= 0: differences may
      // round above it.
      decay: { kind: "two-sided", forward: past, backward: future },
      normalize: false,
    });
    return bounded(sums, largest);
  });
}

/**
 * Divides weighted sums of values, `[batch, heads, length, valueDim]`, by
 * max(|sum of weights|, 1).
 */
export function bounded(sums: tf.Tensor4D, largest: tf.Tensor3D): tf.Tensor4D {
  const [weighted, weight] = splitSums(sums);
  // The weight 1 relative to the largest weight, capped at e^80, which counts
  // as infinite.
  const one = tf.exp(tf.minimum(tf.neg(tf.expandDims(largest, 3)), 80));
  return tf.div(weighted, tf.maximum(tf.abs(weight), one));
}

/**
 * Makes log decays, `[batch, heads, length]`, relative to each token's largest
 * weight.
 */
function relative(
  logDecays: tf.Tensor3D,
  largest: tf.Tensor3D,
  side: "before" | "after",
): tf.Tensor3D {
  const length = largest.shape[2];
  const [outer, inner] = side === "before" ? [0, 0] : [length - 1, 1];
  const neighbours = [
    tf.slice(largest, [0, 0, inner], [-1, -1, length - 1]),
    // The outermost token has no neighbour; its decay is not read.
    tf.slice(largest, [0, 0, outer], [-1, -1, 1]),
  ];
  if (side === "before") neighbours.reverse();
  const from = length > 1 ? tf.concat(neighbours, 2) : largest;
  return tf.add(logDecays, tf.sub(from, largest));
}

/** Sets log weights, `[batch, heads, length]`, at padding to a very low number. */
export function hidePadding(
  logWeights: tf.Tensor3D,
  mask: tf.Tensor2D,
): tf.Tensor3D {
  const tokens = tf.expandDims(tf.notEqual(mask, 0), 1);
  return tf.where(
    tf.broadcastTo(tokens, logWeights.shape),
    logWeights,
    tf.fill(logWeights.shape, LOWEST_LOG_DECAY),
  ) as tf.Tensor3D;
}
