/**
 * Splits and joins around Hydra's attention, which reads a sequence in both
 * directions, each with its own queries and keys that all heads share. The
 * second half of the batch holds the tokens in reverse.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { joinHeads, toHeads } from "../heads/heads.ts";
import { endsOf, numberSegments } from "../segments.ts";
import { shifted } from "../shift.ts";

/** The kernel of {@linkcode splitDirections}, with the attribute `stateDim`. */
export const SPLIT_DIRECTIONS: Operation<"x" | "q" | "k" | "v"> = {
  kernel: "LionSplitDirections",
  gradientsIn: ["mixed", "dt"],
  outputs: ["x", "q", "k", "v"],
  plain: (
    { mixed, dt }: { readonly mixed: tf.Tensor3D; readonly dt: tf.Tensor3D },
    { stateDim }: { readonly stateDim: number },
  ) => ({ ...splitPlainly(mixed, dt, stateDim) }),
};

/** The kernel of {@linkcode joinDirections}, with its segments numbered as floats. */
export const JOIN_DIRECTIONS: Operation<"y"> = {
  kernel: "LionJoinDirections",
  gradientsIn: ["read", "x", "own"],
  outputs: ["y"],
  plain: ({ read, x, own, segments }: {
    readonly read: tf.Tensor4D;
    readonly x: tf.Tensor3D;
    readonly own: tf.Tensor3D;
    readonly segments?: tf.Tensor2D | undefined;
  }) => ({ y: joinPlainly(read, x, own, segments) }),
};

/** Inputs of attention in both directions, which double the batch. */
export interface BidirectionalInputs {
  /** The channels of all heads, `[batch, length, channels]`. */
  readonly x: tf.Tensor3D;
  /** Queries, `[2 · batch, 1, length, stateDim]`. */
  readonly q: tf.Tensor4D;
  /** Keys, `[2 · batch, 1, length, stateDim]`. */
  readonly k: tf.Tensor4D;
  /** Values: the channels times dt, `[2 · batch, heads, length, channels / heads]`. */
  readonly v: tf.Tensor4D;
}

/**
 * Splits projected rows into the inputs of attention in both directions.
 *
 * @param mixed `[batch, length, channels + 4 · stateDim]`: the channels of all
 * heads, then keys and queries of the forward direction, then of the backward
 * one.
 * @param dt Time steps of both directions, `[2 · batch, heads, length]`.
 * @param stateDim Columns of queries and keys.
 */
export function splitDirections(
  mixed: tf.Tensor3D,
  dt: tf.Tensor3D,
  stateDim: number,
): BidirectionalInputs {
  if (hasKernel(SPLIT_DIRECTIONS)) {
    const inputs = { mixed, dt };
    const { x, q, k, v } = runKernel(SPLIT_DIRECTIONS, inputs, { stateDim });
    return { x, q, k, v } as unknown as BidirectionalInputs;
  }
  return splitPlainly(mixed, dt, stateDim);
}

function splitPlainly(
  mixed: tf.Tensor3D,
  dt: tf.Tensor3D,
  stateDim: number,
): BidirectionalInputs {
  return tf.tidy(() => {
    const heads = dt.shape[1], channels = mixed.shape[2] - 4 * stateDim;
    const [x, k, q, backK, backQ] = tf.split(
      mixed,
      [channels, stateDim, stateDim, stateDim, stateDim],
      2,
    ) as tf.Tensor3D[];
    const ofAll = (forward: tf.Tensor3D, backward: tf.Tensor3D) =>
      tf.expandDims(inBothDirections(forward, backward), 1) as tf.Tensor4D;
    return {
      x: x!,
      q: ofAll(q!, backQ!),
      k: ofAll(k!, backK!),
      v: tf.mul(
        toHeads(inBothDirections(x!, x!), heads),
        tf.expandDims(dt, 3),
      ) as tf.Tensor4D,
    };
  });
}

/**
 * Adds what each token reads from the tokens before it and from those after it,
 * and its own channels with one weight per head:
 *
 *     y_t = read_{t-1} + read'_{t+1} + own_t x_t
 *
 * @param read `[2 · batch, heads, length, headDim]`: the output of causal
 * attention in both directions, each token included.
 * @param x `[batch, length, heads · headDim]`
 * @param own `[batch, length, heads]`
 * @param segments `[batch, length]`: nothing is read across their borders.
 * @returns A tensor of the shape of x.
 */
export function joinDirections(
  read: tf.Tensor4D,
  x: tf.Tensor3D,
  own: tf.Tensor3D,
  segments?: tf.Tensor2D,
): tf.Tensor3D {
  return tf.tidy(() => {
    if (hasKernel(JOIN_DIRECTIONS)) {
      const numbers = segments && numberSegments(segments);
      const inputs = { read, x, own, segments: numbers };
      return runKernel(JOIN_DIRECTIONS, inputs).y as tf.Tensor3D;
    }
    return joinPlainly(read, x, own, segments);
  });
}

function joinPlainly(
  read: tf.Tensor4D,
  x: tf.Tensor3D,
  own: tf.Tensor3D,
  segments: tf.Tensor2D | undefined,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [before, after] = tf.split(joinHeads(read), 2, 0) as tf.Tensor3D[];
    const ends = segments && endsOf(segments);
    const fromOthers = tf.add(
      afterBorders(shifted(before!, 1, 1), ends?.first),
      afterBorders(tf.reverse(shifted(after!, 1, 1), 1), ends?.last),
    );
    const [batch, length, channels] = x.shape, heads = own.shape[2];
    const perHead = [batch, length, heads, channels / heads];
    const itself = tf.mul(tf.reshape(x, perHead), tf.expandDims(own, 3));
    return tf.add(fromOthers, tf.reshape(itself, x.shape));
  });
}

/**
 * Concatenates `forward`, and `backward` with its tokens reversed, along axis 0,
 * the batch.
 *
 * @param axis The axis of tokens. @default 1
 */
export function inBothDirections<T extends tf.Tensor>(
  forward: T,
  backward: T,
  axis = 1,
): T {
  return tf.concat([forward, tf.reverse(backward, axis)], 0);
}

/**
 * Sets x, `[batch, length, channels]`, to zero where `ends`, `[batch, length]`,
 * is true: nothing is read across a segment's border.
 */
function afterBorders(
  x: tf.Tensor3D,
  ends: tf.Tensor2D | undefined,
): tf.Tensor3D {
  if (!ends) return x;
  return tf.mul(x, tf.cast(tf.logicalNot(tf.expandDims(ends, 2)), "float32"));
}
