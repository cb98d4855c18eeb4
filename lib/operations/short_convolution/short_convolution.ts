/** The short depthwise convolution along the tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertNumbers,
  assertShape,
  floats,
  hasKernel,
  type Operation,
  runKernel,
} from "@lionjs/tfjs/kernel";
import {
  assertBoolean,
  assertOneOf,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { tokensIn, withoutPadding } from "../padding/padding.ts";
import { checkedSegments, numberSegments } from "../segments.ts";
import { shifted } from "../shift.ts";

/**
 * The kernel of {@linkcode shortConvolution}: inputs `x, weight`, `bias?` and
 * `segments?`, across whose changes nothing is read; output `y`.
 */
export const SHORT_CONVOLUTION: Operation<"y"> = {
  kernel: "LionShortConvolution",
  gradientsIn: ["x", "weight", "bias"],
  outputs: ["y"],
  plain: (inputs: Inputs, attributes: ShortConvolutionAttributes) => ({
    y: convolvePlainly(inputs, attributes),
  }),
};

/** Attributes of the convolution's kernels: tap k of token t reads token t + first + step k. */
export interface ShortConvolutionAttributes {
  /** Offset of the first tap from the token that reads it. */
  readonly first: number;
  /** Offset from tap to tap, 1 or -1. */
  readonly step: number;
  /** Whether SiLU is applied to the sums. */
  readonly silu: boolean;
}

/** Options of {@linkcode shortConvolution}. */
export interface ShortConvolutionOptions {
  /**
   * The tokens that a token reads: itself and those before it (`"causal"`), or
   * equally many on either side (`"centred"`), which needs an odd number of
   * taps. @default "causal"
   */
  place?: "causal" | "centred" | undefined;
  /**
   * Whether to run from the last token to the first; if causal, a token then
   * reads those after it. @default false
   */
  reverse?: boolean | undefined;
  /** Activation of the output. @default "none" */
  activation?: "none" | "silu" | undefined;
  /** Whether a fused kernel may run, if the backend has one. @default true */
  kernel?: boolean | undefined;
  /**
   * The padding mask, `[batch, length]`: 0 for padding, 1 (or anything else)
   * for a token. Padding counts as zeros, whatever it holds; its output and
   * gradient are 0. @default no padding
   */
  mask?: tf.Tensor | undefined;
  /**
   * The segments, int32 `[batch, length]`: the number of the packed sequence
   * that each token belongs to. Across a change of number, zeros are read, or
   * NaN in place of NaN or Infinity.
   * @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
}

const OPTIONS = optionsOf<ShortConvolutionOptions>()(
  "place reverse activation kernel mask segments",
);

/**
 * Applies a depthwise convolution along the tokens, with zeros beyond the ends
 * of the sequence:
 *
 *     y_t = b + Σ_k w_k x_{t + k - K + 1}        causal
 *     y_t = b + Σ_k w_k x_{t + k - (K - 1) / 2}  centred
 *
 * for K taps w, then optionally SiLU. Differentiable in x, weight and bias.
 * Integers and booleans are converted to float32. Mamba applies it before the
 * scan (arXiv:2312.00752, section 3.4), and Hydra before attention
 * (arXiv:2407.09941).
 *
 * @example The sum of each token and the one before it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { shortConvolution } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor3D = tf.tensor3d([1, 2, 4], [1, 3, 1]);
 * const y = shortConvolution(x, tf.ones([1, 2]));
 * assertEquals([...await y.data()], [1, 3, 6]);
 * ```
 *
 * @param x Tokens, `[batch, length, channels]`.
 * @param weight w, `[channels, taps]`.
 * @param bias b, `[channels]`, or undefined for no bias.
 * @param options See {@linkcode ShortConvolutionOptions}.
 * @returns The outputs, `[batch, length, channels]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If there are no channels or taps, a centred convolution
 * has an even number of taps, or an option has an invalid value.
 */
export function shortConvolution(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias?: tf.Tensor,
  options: ShortConvolutionOptions = {},
): tf.Tensor3D {
  const given = check({ x, weight, bias }, options);
  const { place = "causal", reverse = false, activation = "none" } = options;
  const { mask, kernel = true } = options;
  const reach = given.weight.shape[1] - 1;
  const before = place === "causal" ? reach : reach / 2;
  const attributes: ShortConvolutionAttributes = {
    first: reverse ? before : -before,
    step: reverse ? -1 : 1,
    silu: activation === "silu",
  };
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const present = (x: tf.Tensor3D) => withoutPadding(x, tokens);
    const inputs = {
      x: present(floats("shortConvolution's x", given.x)),
      weight: floats("shortConvolution's weight", given.weight),
      bias: given.bias && floats("shortConvolution's bias", given.bias),
      segments: given.segments && numberSegments(given.segments),
    };
    const isFused = kernel && x.size > 0 && hasKernel(SHORT_CONVOLUTION);
    const y = isFused
      ? runKernel(SHORT_CONVOLUTION, inputs, attributes).y as tf.Tensor3D
      : convolvePlainly(inputs, attributes);
    return present(y);
  });
}

type Inputs = {
  readonly x: tf.Tensor3D;
  readonly weight: tf.Tensor2D;
  readonly bias?: tf.Tensor | undefined;
  readonly segments?: tf.Tensor2D | undefined;
};

/** Sums, over the taps, x shifted times the tap's weight, `[batch, length, channels]`. */
function convolvePlainly(
  { x, weight, bias, segments }: Inputs,
  { first, step, silu }: ShortConvolutionAttributes,
): tf.Tensor3D {
  const [, length, channels] = x.shape;
  const numbers = segments && tf.expandDims(segments, 2) as tf.Tensor3D;
  let y: tf.Tensor3D = bias ? tf.broadcastTo(bias, x.shape) : tf.zeros(x.shape);
  for (let tap = 0; tap < weight.shape[1]; tap++) {
    const offset = first + step * tap;
    if (Math.abs(offset) >= length) continue;
    const ofTap = tf.reshape(tf.slice(weight, [0, tap], [channels, 1]), [-1]);
    const term = tf.mul(shifted(x, -offset, 1), ofTap) as tf.Tensor3D;
    const isRead = numbers && tf.equal(shifted(numbers, -offset, 1), numbers);
    y = tf.add(y, isRead ? tf.mul(term, tf.cast(isRead, "float32")) : term);
  }
  return silu ? tf.mul(y, tf.sigmoid(y)) : y;
}

/** Checks all arguments, and returns the tensors. */
function check(
  { x, weight, bias }: {
    readonly x: tf.Tensor;
    readonly weight: tf.Tensor;
    readonly bias: tf.Tensor | undefined;
  },
  options: ShortConvolutionOptions,
): Inputs {
  const owner = "shortConvolution";
  assertOptions(owner, options, OPTIONS);
  const axes = "batch, length, channels";
  assertShape(`${owner}'s x`, x, [null, null, null], axes);
  const [batch, length, channels] = x.shape;
  assertShape(`${owner}'s weight`, weight, [channels, null], "channels, taps");
  if (bias !== undefined) {
    assertShape(`${owner}'s bias`, bias, [channels], "channels");
  }
  for (const [name, tensor] of Object.entries({ x, weight, bias })) {
    if (tensor) assertNumbers(`${owner}'s ${name}`, tensor);
  }
  const { place = "causal", activation = "none", mask } = options;
  assertBoolean(`${owner}'s reverse`, options.reverse ?? false);
  assertBoolean(`${owner}'s kernel`, options.kernel ?? true);
  assertOneOf(`${owner}'s place`, place, ["causal", "centred"]);
  assertOneOf(`${owner}'s activation`, activation, ["none", "silu"]);
  const taps = weight.shape[1];
  if (channels === 0 || taps === 0) {
    throw new RangeError(
      `${owner}'s weight should have at least one channel and one tap, got shape [${weight.shape}]`,
    );
  }
  if (place === "centred" && taps % 2 === 0) {
    throw new RangeError(
      `${owner}'s weight should have an odd number of taps to be centred, got ${taps}`,
    );
  }
  if (mask !== undefined) {
    assertShape("mask", mask, [batch, length], "batch, length");
  }
  const segments = checkedSegments(options.segments, [batch, length]);
  return { x, weight, bias, segments };
}
