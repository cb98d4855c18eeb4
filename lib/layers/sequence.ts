/** The sequence that the tokens of a layer are of, or a part of. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  ATTENTION_OF_WHOLE,
  type AttentionFunctions,
} from "../attention/attention_functions.ts";
import {
  endsOf,
  numberSegments,
  positionsIn,
  type SegmentEnds,
} from "../operations/segments.ts";

/**
 * What layers know of their tokens' sequence beyond the tokens themselves. Usually they
 * have the whole sequence; otherwise several processes run the same layers, each on its
 * part of the tokens.
 */
export interface Sequence extends AttentionFunctions {
  /** Whether the layers have all tokens. */
  readonly isWhole: boolean;
  /** The end of seeds of random numbers for tokens, so that no two parts have the same. */
  readonly seed: string;
  /** Returns this sequence, read from its end. */
  reversed(): Sequence;
  /**
   * Throws unless the layers have all tokens.
   *
   * @param owner The name of the layer that needs them.
   */
  assertWhole(owner: string): void;
  /**
   * Throws in all processes unless they are about to compute the same.
   *
   * @param operation The name of what they compute.
   * @param facts What should be the same, by name.
   */
  assertSame(
    operation: string,
    facts: Readonly<Record<string, unknown>>,
  ): void;
  /** The number of tokens before those of this part, which has `count`, and of all. */
  lengths(count: number): { readonly before: number; readonly all: number };
  /** The sum of a tensor of each part. Differentiable. */
  sum<T extends tf.Tensor>(x: T): T;
  /** The maximum of a tensor of each part, whose values must not be below 0. */
  maximum<T extends tf.Tensor>(x: T): T;
  /** The tensor of the first part. Differentiable. */
  ofFirst<T extends tf.Tensor>(x: T): T;
  /** The ends of segments; see {@linkcode endsOf}. */
  endsOf(segments: tf.Tensor2D): SegmentEnds;
  /** The numbers of segments; see {@linkcode numberSegments}. */
  numberSegments(segments: tf.Tensor2D): tf.Tensor2D;
  /** The positions within segments; see {@linkcode positionsIn}. */
  positionsIn(segments: tf.Tensor2D): tf.Tensor2D;
}

/**
 * The sequence of layers that have all tokens.
 *
 * @example A mixer is called outside a layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import type { Mixer } from "@lionjs/lion";
 * import { WHOLE_SEQUENCE } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mean: Mixer = {
 *   sharesTokens: true,
 *   parameters: () => [],
 *   apply(x, _parameters, { sequence }) {
 *     const { all } = sequence.lengths(x.shape[1]);
 *     const sums = sequence.sum(tf.sum(x, 1, true));
 *     return tf.mul(tf.div(sums, all), tf.onesLike(x));
 *   },
 *   operations: (shape) => tf.util.sizeFromShape(shape as number[]),
 * };
 *
 * const parameters = () => {
 *   throw new Error("it has none");
 * };
 * const y = mean.apply(tf.tensor3d([[[1], [3]]]), parameters, {
 *   ...{ mask: undefined, segments: undefined, causal: false, reversed: false },
 *   ...{ form: "auto", chunkSize: undefined, training: false, epsilon: 1e-6 },
 *   sequence: WHOLE_SEQUENCE,
 * });
 * assertEquals(await y.array(), [[[2], [2]]]);
 * ```
 */
export const WHOLE_SEQUENCE: Sequence = {
  ...ATTENTION_OF_WHOLE,
  isWhole: true,
  seed: "",
  reversed: () => WHOLE_SEQUENCE,
  assertWhole() {},
  assertSame() {},
  lengths: (count) => ({ before: 0, all: count }),
  sum: (x) => x,
  maximum: (x) => x,
  ofFirst: (x) => x,
  endsOf: (segments) => endsOf(segments),
  numberSegments,
  positionsIn,
};

let current = WHOLE_SEQUENCE;

/** The sequence of the layers that run now. */
export function currentSequence(): Sequence {
  return current;
}

/**
 * Runs layers on tokens of a sequence.
 *
 * @param run A synchronous function.
 * @returns What `run` returns.
 */
export function inSequence<T>(sequence: Sequence, run: () => T): T {
  const outer = current;
  current = sequence;
  try {
    return run();
  } finally {
    current = outer;
  }
}
