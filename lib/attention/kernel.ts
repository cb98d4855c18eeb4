/**
 * The forms of attention as kernels, where the current backend has them.
 *
 * This file says what kernels are given and what they answer, and knows none of
 * them. A form without a kernel runs in tfjs operations, which are also what a
 * kernel is compared with (`kernel: false`).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  type KernelPlan,
  type Operation,
  planKernel,
  type Refusal,
  runKernel,
} from "../contract/kernel.ts";
import { selectTokens } from "../operations/padding.ts";
import type { LogDecayPair } from "./decay_pair.ts";
import {
  type ConcreteForm,
  type DiagonalDecayPair,
  formInputs,
} from "./form.ts";
import { betweenTokens } from "./paths.ts";

/**
 * Each form as a kernel: inputs `q, k, v, f?, b?, mask?`, outputs `y` and the row
 * sums. Log decays f and b are `[batch, heads, length]`, or `[batch, heads, length,
 * headDim]` where each channel has its own; these may be -Infinity. With a mask,
 * q, k, v and dy come with zeros at padding, and y, dq, dk and dv have them.
 *
 * Where it takes states, further inputs are `before?, after?`, the states on both
 * sides of a piece (`piece.ts`), and with the attribute `states` further outputs
 * those that it hands on: the forward one and, unless causal, the backward one.
 */
export const ATTENTION: Readonly<
  Record<ConcreteForm, Operation<"y", "rowSums" | "forward" | "backward">>
> = {
  full: attention("LionFull"),
  blockwise: attention("LionBlockwise"),
  recurrent: attention("LionRecurrent"),
  chunkwise: attention("LionChunkwise"),
};

function attention(kernel: string): typeof ATTENTION[ConcreteForm] {
  return {
    kernel,
    gradientsIn: ["q", "k", "v", "f", "b"],
    outputs: ["y"],
    further: ["rowSums", "forward", "backward"],
    gradientReads: ["y", "rowSums"],
    prepare: (name, x, { mask }) =>
      mask && HAVE_PADDING.has(name) ? selectTokens(x, mask as tf.Tensor2D) : x,
  };
}

/** What may hold anything at padding. */
const HAVE_PADDING = new Set(["q", "k", "v", "dy"]);

/**
 * How numbers are stored while a kernel multiplies them: as they come, or
 * rounded to 16 bits, with sums in 32 bits all the same.
 */
export type Precision = "f32" | "f16";

/** The attributes of the kernels of a form. */
export interface KernelAttributes {
  /**
   * Whether each token attends only to itself and the tokens before it; then
   * there is no `b`.
   */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** Added to the row sum, after `scale`. */
  readonly epsilon: number;
  /** Tokens per chunk or tile, as planned by the kernel; 1 without any. */
  readonly chunkSize: number;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
  /** Whether the forward kernel hands on states. @default false */
  readonly states?: boolean;
}

/** The sizes of a problem. */
export interface AttentionSizes {
  /** Sequences. */
  readonly batch: number;
  /** Heads of a sequence. */
  readonly heads: number;
  /** Tokens of a sequence. */
  readonly length: number;
  /** Columns of q and k. */
  readonly headDim: number;
  /** Columns of v. */
  readonly valueDim: number;
}

/** What a caller wants of a kernel. */
export interface KernelRequest extends AttentionSizes {
  /** Whether log decays come with it. */
  readonly decays: boolean;
  /** Whether each channel has its own. @default false */
  readonly diagonal?: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Whether rows are divided by their sum. */
  readonly normalize: boolean;
  /** Tokens a chunk; the kernel's choice if undefined. */
  readonly chunkSize: number | undefined;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
  /** Whether states come with it and are handed on. @default false */
  readonly states?: boolean;
}

/** A kernel's refusal of a decay of each channel. */
export function withoutChannels(backend: string, form: ConcreteForm): Refusal {
  return {
    refusal:
      `the ${backend} kernel of the ${form} form takes no decay of each channel`,
  };
}

/** The current backend's plan for a form. */
export function planForm(
  form: ConcreteForm,
  request: KernelRequest,
): KernelPlan | Refusal {
  const plan = planKernel(ATTENTION[form], request);
  if (plan) return plan;
  const backend = tf.getBackend();
  return {
    refusal: hasKernel(ATTENTION.chunkwise)
      ? `backend ${backend} has no kernel of the ${form} form`
      : `backend ${backend} has no kernel of its own`,
  };
}

/**
 * Runs the current backend's kernel of a form; differentiable in all its inputs
 * but the mask. Call it inside `tf.tidy`.
 *
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is any.
 */
export function runForm(
  form: ConcreteForm,
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  attributes: KernelAttributes,
  tokens: tf.Tensor2D | undefined,
): tf.Tensor4D {
  const decays = pair && tokens ? betweenTokens(pair, tokens) : pair;
  const [, , , f, b] = formInputs(q, k, v, decays);
  const inputs = { q, k, v, f, b, mask: tokens };
  return runKernel(ATTENTION[form], inputs, attributes).y as tf.Tensor4D;
}
