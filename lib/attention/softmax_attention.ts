/** Softmax attention, the quadratic baseline. @module */
import {
  assertBoolean,
  assertFloat,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { floats, hasKernel } from "@lionjs/tfjs/kernel";
import { tokensIn } from "../operations/padding/padding.ts";
import { assertDecay, type Decay, noDecay } from "./decays/decay.ts";
import { logDecayPair, withoutBackward } from "./decays/decay_pair.ts";
import {
  assertMask,
  assertVectors,
  type GivenVectors,
  type Vectors,
} from "./forms/checks.ts";
import { checkedSegments, numberSegments } from "../operations/segments.ts";
import { runSoftmaxPlain } from "./forms/softmax.ts";
import {
  runSoftmaxFused,
  SOFTMAX_ATTENTION,
} from "./planning/softmax_kernel.ts";

/** Options of {@linkcode softmaxAttention}. */
export interface SoftmaxAttentionOptions {
  /** The factor of the scores q · k. @default 1 / sqrt(headDim) */
  scale?: number | undefined;
  /**
   * Whether each token attends only to itself and the tokens before it. NaN or
   * Infinity in a later token may make earlier outputs NaN, as for
   * lionAttention.
   * @default false
   */
  causal?: boolean | undefined;
  /**
   * The padding mask, `[batch, length]`, float32, int32 or bool: 0 for padding,
   * 1 (or anything else, even NaN) for a token. Padding is never read, even if
   * q, k or v hold NaN or Infinity there. At padding the output and the
   * gradients of q, k and v are 0, and the gradient of the output is ignored.
   */
  mask?: tf.Tensor | undefined;
  /**
   * Segments, `[batch, length]`, int32: the number of the packed sequence that
   * each token belongs to, as for lionAttention. No token attends across a
   * change of number, but NaN or Infinity in one sequence may make results of
   * others NaN.
   * @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
  /**
   * ALiBi: one slope per head; `slope · |i - j|` is subtracted from the score
   * of tokens i and j. {@linkcode alibiSlopes} returns the authors' slopes. The
   * effect is a decay of `e^-slope` per token of distance, as in LION-D. A kernel
   * adds slopes up, to about 3e-6 of what is subtracted. With `decay`, both apply.
   * @default none
   */
  slopes?: readonly number[] | undefined;
  /**
   * How the weight of a token fades with distance: a weight e^(s q_i · k_j) is
   * multiplied by the entry M_ij of the decay's mask, as in forgetting attention.
   * Any decay but diagonal ones; the log decays of a head may be constant, then
   * it is ALiBi with their negatives as slopes. Differentiable in the decay's
   * tensors. At padding, decays still apply. @default noDecay()
   */
  decay?: Decay | undefined;
  /**
   * Whether to run the backend's kernel, if it has one; it never holds more
   * than a few rows of scores. `false` runs tfjs operations, which hold all
   * scores at once: the reference that the kernel is tested against. @default true
   */
  kernel?: boolean | undefined;
}

const OPTIONS = optionsOf<SoftmaxAttentionOptions>()(
  "scale causal mask segments slopes decay kernel",
);

/**
 * Computes softmax attention: each token's output is a weighted mean of the
 * values,
 *
 *     y_i = Σ_j M_ij e^(s q_i · k_j) v_j / Σ_j M_ij e^(s q_i · k_j)
 *
 * in quadratic time; M is the mask of the decay, as {@linkcode decayMask} has it,
 * of ones without a decay. The backend's kernel needs linear memory: it keeps a
 * running maximum and sum per row, and the gradient recomputes the scores.
 * Differentiable in q, k, v and the decay's tensors. Integers and booleans are converted to float32.
 * NaN and Infinity spread as in lionAttention.
 *
 * Source: Vaswani et al. 2017 (arXiv:1706.03762); the running sums are from
 * Milakov and Gimelshein 2018 (arXiv:1805.02867), the tiles and the gradient
 * from FlashAttention, Dao et al. 2022 (arXiv:2205.14135). ALiBi is from Press
 * et al. 2022 (arXiv:2108.12409); for both directions, from its author's remark
 * in https://github.com/ofirpress/attention_with_linear_biases/issues/5. A decay
 * per token is forgetting attention's, Lin et al. 2025 (arXiv:2503.02130); for both
 * directions, with the mask of LION-S (arXiv:2502.16249).
 *
 * @example A token that matches a key well reads its value
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { softmaxAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const keys: tf.Tensor4D = tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]);
 * const values: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const y = softmaxAttention(keys, keys, values, { scale: 30 });
 * const [first, second] = await y.data();
 * assertAlmostEquals(first!, 3, 1e-6);
 * assertAlmostEquals(second!, 5, 1e-6);
 * ```
 *
 * @param q Queries, `[batch, heads, length, headDim]`.
 * @param k Keys, `[batch, heads, length, headDim]`.
 * @param v Values, `[batch, heads, length, valueDim]`.
 * @param options See {@linkcode SoftmaxAttentionOptions}.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If a tensor is empty, or an option has an invalid value.
 */
export function softmaxAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: SoftmaxAttentionOptions = {},
): tf.Tensor4D {
  const { vectors, segments } = check({ q, k, v }, options);
  const { causal = false, kernel = true, mask, slopes } = options;
  const { decay = noDecay() } = options;
  const [batch, heads, length, headDim] = vectors.q.shape;
  const scale = options.scale ?? 1 / Math.sqrt(headDim);
  return tf.tidy(() => {
    const decays = logDecayPair(decay, [batch, heads, length]);
    const inputs = {
      q: floats("q", vectors.q),
      k: floats("k", vectors.k),
      v: floats("v", vectors.v),
      mask: mask && tokensIn("mask", mask),
      segments: segments && numberSegments(segments),
      decays: decays && causal ? withoutBackward(decays) : decays,
    };
    // The weight of a token alone is 1, so that q and k have gradients of 0: a kernel's,
    // differences of sums, are rounding errors.
    const run = kernel && length > 1 && hasKernel(SOFTMAX_ATTENTION)
      ? runSoftmaxFused
      : runSoftmaxPlain;
    return run(inputs, { causal, scale }, slopes);
  });
}

function check(
  given: GivenVectors,
  options: SoftmaxAttentionOptions,
): { vectors: Vectors; segments: tf.Tensor2D | undefined } {
  assertOptions("softmaxAttention", options, OPTIONS);
  const vectors = assertVectors(given);
  const [batch, heads, length] = vectors.q.shape;
  const { scale = 1, causal = false, kernel = true } = options;
  const { mask, slopes, decay } = options;
  if (decay !== undefined) assertDecay("decay", decay);
  if (slopes !== undefined) assertSlopes(slopes, heads);
  if (mask !== undefined) assertMask(mask, [batch, length]);
  const segments = checkedSegments(options.segments, [batch, length]);
  assertFloat("scale", scale);
  for (const [name, x] of Object.entries({ causal, kernel })) {
    assertBoolean(name, x);
  }
  return { vectors, segments };
}

function assertSlopes(slopes: readonly number[], heads: number): void {
  if (!Array.isArray(slopes)) {
    throw new TypeError(
      `slopes should be a list of numbers, one per head, got ${shown(slopes)}`,
    );
  }
  if (slopes.length !== heads) {
    throw new RangeError(
      `slopes should have one number for each of the ${heads} heads, got ${slopes.length}`,
    );
  }
  for (const slope of slopes) assertFloat("each of slopes", slope);
}
