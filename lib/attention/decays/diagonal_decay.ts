/** Diagonal decays: one for each channel of the keys. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertShape, floats } from "@lionjs/tfjs/kernel";
import { assertOptions, optionsOf } from "@lionjs/base";
import { assertConvention, type Decay, type DecayConvention } from "./decay.ts";
import {
  assertOfBatch,
  type DiagonalDecayPair,
  withoutBackward,
} from "./decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { assertLogDecay } from "./log_decay.ts";

/** Options of {@linkcode diagonalDecay}. */
interface DiagonalDecayOptions {
  /** Which token's decay applies between two neighbours. @default "source" */
  convention?: DecayConvention | undefined;
}

const OPTIONS = optionsOf<DiagonalDecayOptions>()("convention");

const AXES = "batch, heads, length, headDim";

/**
 * Makes a decay with one value per head, token and key channel: each row of the
 * state fades at its own rate, as in GLA, HGRN-2 and RWKV-6.
 *
 *     y_i = Σ_j (Σ_n M_ijn q_in k_jn) v_j
 *
 * where the mask M_ijn of channel n is made of that channel's decays.
 *
 * Source: LION (arXiv:2502.16249), Theorems B.1 and B.2.
 *
 * @example One channel remembers, the other forgets
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { diagonalDecay, lionAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.ones([1, 1, 2, 2]);
 * const logDecay: tf.Tensor4D = tf.tensor4d([0, -60, 0, -60], [1, 1, 2, 2]);
 * const y = lionAttention(x, x, tf.ones([1, 1, 2, 1]), {
 *   decay: diagonalDecay(logDecay),
 *   normalize: false,
 *   scale: 1,
 * });
 * const [first] = await y.data(); // both channels of itself, one of the other
 * assertAlmostEquals(first!, 2 + 1, 1e-6);
 * ```
 *
 * @param logDecay Natural logarithms of the decays,
 * `[batch, heads, length, headDim]`, all <= 0; a batch axis of 1 is broadcast.
 * @param options `convention`: see {@linkcode DecayConvention}; `"source"`, the
 * paper's, by default. GLA, HGRN-2 and RWKV-6 use `"arrival"`.
 * @returns The decay.
 * @throws {TypeError} If `logDecay` does not have four axes or is not numeric,
 * or an option is unknown.
 * @throws {RangeError} If the convention is unknown, or the values are decays
 * instead of their logarithms and can be read without waiting for a device.
 */
export function diagonalDecay(
  logDecay: tf.Tensor,
  options: DiagonalDecayOptions = {},
): Decay {
  assertOptions("diagonalDecay", options, OPTIONS);
  const { convention = "source" } = options;
  assertShape(
    "diagonalDecay's logDecay",
    logDecay,
    [null, null, null, null],
    AXES,
  );
  assertLogDecay("diagonalDecay's logDecay", logDecay);
  assertConvention("diagonalDecay's convention", convention);
  return { kind: "diagonal", logDecay, convention };
}

/** Whether a decay is diagonal, with one value per channel of the keys. */
export function isDiagonalDecay(decay: Decay): boolean {
  return decay.kind === "diagonal" || decay.kind === "two-sided-diagonal";
}

/**
 * The pair of log decays that a diagonal decay stands for, or `null` for any
 * other decay. Differentiable in the decay's tensors. Call it inside `tf.tidy`.
 *
 * @param shape `[batch, heads, length, headDim]` of the sequence that it applies to.
 * @param causal Whether there is no backward state.
 * @param makeFinite Whether to replace -Infinity; kernels accept it.
 * @throws {TypeError} If the decay's tensors do not have this shape.
 */
export function diagonalDecayPair(
  decay: Decay,
  shape: readonly [number, number, number, number],
  causal: boolean,
  makeFinite = true,
): DiagonalDecayPair | null {
  const read = (name: string, x: tf.Tensor4D): tf.Tensor4D => {
    assertOfBatch(name, x, shape, AXES);
    const each = spread(floats(name, x), [...shape]) as tf.Tensor4D;
    return makeFinite ? finite(each) : each;
  };
  switch (decay.kind) {
    case "diagonal": {
      const logDecay = read("diagonalDecay's logDecay", decay.logDecay);
      return decay.convention === "arrival"
        ? { forward: logDecay, backward: causal ? null : logDecay }
        : sourceToArrival(logDecay, causal);
    }
    case "two-sided-diagonal": {
      const pair = {
        forward: read("bidirectionalDecay's forward", decay.forward),
        backward: read("bidirectionalDecay's backward", decay.backward),
      };
      return causal ? withoutBackward(pair) : pair;
    }
    default:
      return null;
  }
}

/**
 * Converts log decays from the source convention to decays on arrival: those of each
 * token's left neighbour for the forward direction, of its right neighbour for the
 * backward one; 0 at the ends.
 */
function sourceToArrival(x: tf.Tensor4D, causal: boolean): DiagonalDecayPair {
  // Both directions are sliced from one padded copy.
  const padded = tf.pad(x, [[0, 0], [0, 0], [1, causal ? 0 : 1], [0, 0]]);
  const part = (start: number): tf.Tensor4D =>
    tf.slice(padded, [0, 0, start, 0], x.shape);
  return { forward: part(0), backward: causal ? null : part(2) };
}
