/** The attention problems that are timed, as plain arrays. @module */
import { array, uniform } from "../tests/random.ts";

/** LION-LIT (no decay), LION-D (one per head) and LION-S (one per token). */
export const VARIANTS = ["lit", "d", "s"] as const;
/** One of {@linkcode VARIANTS}. */
export type Variant = typeof VARIANTS[number];

/** What a variant is called. */
export const VARIANT_NAMES: Readonly<Record<Variant, string>> = {
  lit: "LION-LIT",
  d: "LION-D",
  s: "LION-S",
};

/** Columns of queries, keys and values. */
export const HEAD_DIM = 64;
/** Added to the row sum, by all contenders; they all have a scale of 1. */
export const EPSILON = 1e-6;

/** One sequence in flat row-major arrays. */
export interface AttentionProblem {
  readonly variant: Variant;
  readonly heads: number;
  readonly length: number;
  /** `[heads, length, HEAD_DIM]`, positive as feature maps make them. */
  readonly q: Float32Array;
  /** `[heads, length, HEAD_DIM]`, positive as feature maps make them. */
  readonly k: Float32Array;
  /** `[heads, length, HEAD_DIM]` */
  readonly v: Float32Array;
  /** None of LION-LIT, `[heads]` of LION-D, `[heads, length]` of LION-S. */
  readonly logDecay: Float32Array | null;
  /** `[heads, length, HEAD_DIM]`, the gradient of a loss in the output. */
  readonly dy: Float32Array;
}

/** The output and, after the second pass, the gradients of q, k, v and any log decay. */
export type AttentionResult = readonly Float32Array[];

/** The same problem for the same arguments. */
export function problemOf(
  variant: Variant,
  heads: number,
  length: number,
): AttentionProblem {
  const random = uniform(length);
  const size = heads * length * HEAD_DIM;
  const feature = (u: number) => (0.1 + u) / Math.sqrt(HEAD_DIM);
  const [q, k] = [array(size, random, feature), array(size, random, feature)];
  const [v, dy] = [array(size, random), array(size, random)];
  const logDecay = {
    lit: () => null,
    // As RetNet's heads.
    d: () =>
      Float32Array.from(
        { length: heads },
        (_, head) => Math.log(1 - 2 ** (-5 - head)),
      ),
    s: () => array(heads * length, random, (u) => -0.2 * u),
  }[variant]();
  return { variant, heads, length, q, k, v, logDecay, dy };
}
