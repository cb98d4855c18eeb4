/**
 * What surrounds attention whose queries and keys turn along the sequence: the
 * vectors of a causal sweep, or of two from either end, and what these have read.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  isRecording,
  type Operation,
  runKernel,
} from "@lionjs/tfjs/kernel";
import { inBothDirections } from "../directions/directions.ts";
import { numberSegments } from "../segments.ts";
import { anglesUntil } from "./angles.ts";
import { turned } from "./turned.ts";

/** The kernel of {@linkcode turnSweeps}, with its segments numbered as floats. */
export const TURN_SWEEPS: Operation<"q" | "k" | "v" | "products"> = {
  kernel: "LionTurnSweeps",
  gradientsIn: ["x", "b", "c", "after", "before", "phase"],
  outputs: ["q", "k", "v", "products"],
};

/** The kernel of {@linkcode joinSweeps}. */
export const JOIN_SWEEPS: Operation<"y"> = {
  kernel: "LionJoinSweeps",
  gradientsIn: ["read", "x", "own"],
  outputs: ["y"],
  plain: ({ read, x, own }: {
    readonly read: tf.Tensor4D;
    readonly x: tf.Tensor4D;
    readonly own: tf.Tensor3D;
  }) => ({ y: joinPlainly(read, x, own) }),
};

/** Vectors of tokens, with the weights and angles that sweeps give them. */
export interface TurningVectors {
  /** `[batch, heads, length, valueDim]` */
  readonly x: tf.Tensor4D;
  /** `[batch, heads, length, headDim]` */
  readonly b: tf.Tensor4D;
  /** `[batch, heads, length, headDim]` */
  readonly c: tf.Tensor4D;
  /** How much of x each token writes for those after it, `[batch, heads, length]`. */
  readonly after: tf.Tensor3D;
  /** How much of x each token writes for those before it; there is one sweep without it. */
  readonly before?: tf.Tensor3D | undefined;
  /**
   * Angles by which pairs of channels turn on arriving at each token,
   * `[batch, heads, length, angles]`. @default none turn
   */
  readonly phase?: tf.Tensor4D | undefined;
}

/** The inputs of one causal sweep, or of two, which double the batch. */
export type Sweeps = {
  /** `[sweeps · batch, heads, length, headDim]`, the second half in reverse. */
  readonly q: tf.Tensor4D;
  /** `[sweeps · batch, heads, length, headDim]` */
  readonly k: tf.Tensor4D;
  /** `[sweeps · batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** c · b of each token, `[batch, heads, length]`. */
  readonly products: tf.Tensor3D;
};

/**
 * Turns c and b, as queries and keys, by all angles up to each token, so that
 * products of two tokens turn by the angles between them, the reader's own
 * included; and weighs x.
 *
 * @param segments `[batch, length]`; angles begin anew in each.
 */
export function turnSweeps(
  { x, b, c, after, before, phase }: TurningVectors,
  segments: tf.Tensor2D | undefined,
): Sweeps {
  return tf.tidy(() => {
    // The kernel counts angles from other tokens, and products of q and k alone are the
    // same: its gradient's gradient is not that of the operations below.
    if (hasKernel(TURN_SWEEPS) && !isRecording(2)) {
      const numbers = segments && numberSegments(segments);
      const inputs = { x, b, c, after, before, phase, segments: numbers };
      return runKernel(TURN_SWEEPS, inputs) as unknown as Sweeps;
    }
    const inSweeps = <T extends tf.Tensor>(x: T): T =>
      before ? inBothDirections(x, x, 2) : x;
    const both = segments && before
      ? inBothDirections(segments, segments)
      : segments;
    const angles = phase && anglesUntil(inSweeps(phase), both);
    const turn = (x: tf.Tensor4D) =>
      angles ? turned(inSweeps(x), angles) : inSweeps(x);
    const weighted = (weights: tf.Tensor3D): tf.Tensor4D =>
      tf.mul(x, tf.expandDims(weights, 3));
    return {
      ...{ q: turn(c), k: turn(b) },
      v: before
        ? inBothDirections(weighted(after), weighted(before), 2)
        : weighted(after),
      products: tf.sum(tf.mul(c, b), 3) as tf.Tensor3D,
    };
  });
}

/**
 * Adds up what each token has read in all sweeps, and a share of its own x.
 *
 * @param read `[sweeps · batch, heads, length, valueDim]`
 * @param x `[batch, heads, length, valueDim]`
 * @param own `[batch, heads, length]`
 * @returns A tensor of the shape of x.
 */
export function joinSweeps(
  read: tf.Tensor4D,
  x: tf.Tensor4D,
  own: tf.Tensor3D,
): tf.Tensor4D {
  return tf.tidy(() => {
    if (hasKernel(JOIN_SWEEPS)) {
      return runKernel(JOIN_SWEEPS, { read, x, own }).y as tf.Tensor4D;
    }
    return joinPlainly(read, x, own);
  });
}

function joinPlainly(
  read: tf.Tensor4D,
  x: tf.Tensor4D,
  own: tf.Tensor3D,
): tf.Tensor4D {
  return tf.tidy(() => {
    const share: tf.Tensor4D = tf.mul(x, tf.expandDims(own, 3));
    if (read.shape[0] === x.shape[0]) return tf.add(read, share);
    const [before, after] = tf.split(read, 2, 0);
    return tf.add(tf.add(before!, tf.reverse(after!, 2)), share);
  });
}
