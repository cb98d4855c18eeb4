/**
 * The forms of attention as kernels, where the current backend has them.
 *
 * Kernels register with tfjs under the names of {@linkcode KERNELS}. This file
 * says what they are given and what they answer, and knows none of them. A form
 * without a kernel runs in tfjs operations, which are also what a kernel is
 * compared with (`kernel: false`).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../contract/kernel.ts";
import { selectTokens } from "../operations/padding.ts";
import type { LogDecayPair } from "./decay_pair.ts";
import { type ConcreteForm, formInputs } from "./form.ts";

/**
 * The forward kernel of each form: inputs `q, k, v, f?, b?, mask?`, outputs `y`
 * and the row sums. With a mask, q, k and v come with zeros at padding, and y has
 * them.
 *
 * Where it takes states, further inputs are `before?, after?`, the states on both
 * sides of a piece (`piece.ts`), and with the attribute `states` further outputs
 * those that it hands on: the forward one and, unless causal, the backward one.
 */
export const KERNELS: Readonly<Record<ConcreteForm, string>> = {
  full: "LionFull",
  blockwise: "LionBlockwise",
  recurrent: "LionRecurrent",
  chunkwise: "LionChunkwise",
};

/**
 * The gradient kernel of a form: inputs `q, k, v, f?, b?, mask?`, the forward's
 * outputs `y, rowSums`, and `dy`; outputs `dq, dk, dv, df?, db?`. With a mask, dy
 * comes with zeros at padding too, and dq, dk and dv have them.
 */
export function gradientKernel(form: ConcreteForm): string {
  return `${KERNELS[form]}Grad`;
}

/**
 * How numbers are stored while a kernel multiplies them: as they come, or
 * rounded to 16 bits, with sums in 32 bits all the same.
 */
export type Precision = "f32" | "f16";

/** The attributes of both kernels of a form. */
export interface KernelAttributes {
  /** Whether a token reads only itself and the tokens before it; then there is no `b`. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** Added to the row sum, after `scale`. */
  readonly epsilon: number;
  /** Tokens of a chunk or tile, as planned by the kernel; 1 without any. */
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
  /** Whether a token reads only itself and the tokens before it. */
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

/** What a kernel would do. */
export interface KernelPlan {
  /** Tokens of a chunk or tile, at most those asked for; `null` without any. */
  readonly chunkSize: number | null;
  /** Bytes that the forward pass needs beside its inputs and outputs. */
  readonly scratchBytes: number;
  /** Those of them that do not stay in a processor's cache. @default all */
  readonly carriedBytes?: number;
  /** How it runs, for people: such as "2 threads". */
  readonly how: string;
}

/** Why a kernel does not run, in words. */
export interface Refusal {
  /** The reason. */
  readonly refusal: string;
}

/** A registered forward kernel. */
export interface AttentionKernel extends tf.KernelConfig {
  /** Whether it takes states and hands them on. @default false */
  readonly states?: boolean;
  /** What it would do with a problem, or in words why it cannot. */
  plan(request: KernelRequest): KernelPlan | Refusal;
}

/** The current backend's plan for a form. */
export function planKernel(
  form: ConcreteForm,
  request: KernelRequest,
): KernelPlan | Refusal {
  const backend = tf.getBackend();
  const find = (form: ConcreteForm) =>
    tf.getKernel(KERNELS[form], backend) as AttentionKernel | undefined;
  const kernel = find(form);
  if (kernel && request.states && !kernel.states) {
    return { refusal: `backend ${backend}'s kernel takes no states` };
  }
  if (kernel) return kernel.plan(request);
  return {
    refusal: find("chunkwise")
      ? `backend ${backend} has no kernel of the ${form} form`
      : `backend ${backend} has no kernel of its own`,
  };
}

/**
 * Runs the current backend's kernel of a form; differentiable in all its inputs
 * but the mask.
 *
 * The gradient recomputes what it needs from the inputs, `y` and the row sums.
 *
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is any.
 */
export function runAttentionKernel(
  form: ConcreteForm,
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | null,
  attributes: KernelAttributes,
  tokens: tf.Tensor2D | undefined,
): tf.Tensor4D {
  const inputs = formInputs(q, k, v, pair);
  const names = [
    ...["q", "k", "v", "f", "b"].slice(0, inputs.length),
    ...(tokens ? ["mask"] : []),
  ];
  const named = (tensors: tf.Tensor[]): tf.NamedTensorMap =>
    Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
  const read = (x: tf.Tensor, mask: tf.Tensor | undefined) =>
    mask ? selectTokens(x, mask as tf.Tensor2D) : x;
  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as tf.GradSaveFunc;
    const [q, k, v, ...decays] = args as tf.Tensor[];
    const vectors = [q!, k!, v!].map((x) => read(x, tokens));
    const given = [...vectors, ...decays, ...(tokens ? [tokens] : [])];
    const outputs = runKernel(KERNELS[form], named(given), attributes);
    save([...given, ...outputs]);
    return {
      value: outputs[0]!,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [y, rowSums] = saved.slice(-2) as [tf.Tensor, tf.Tensor];
        const given = named(saved);
        return runKernel(gradientKernel(form), {
          ...given,
          y,
          rowSums,
          dy: read(dy, given["mask"]),
        }, attributes);
      },
    };
  });
  return operation(...inputs) as tf.Tensor4D;
}
