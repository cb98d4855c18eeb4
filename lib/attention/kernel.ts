/**
 * The chunkwise form as one kernel, where the current backend has one.
 *
 * Kernels register with tfjs under these names. This file says what they are
 * given and what they answer, and knows none of them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../contract/kernel.ts";
import { selectTokens } from "../operations/padding.ts";
import type { LogDecayPair } from "./decay_pair.ts";
import { formInputs } from "./form.ts";

/**
 * The forward kernel: inputs `q, k, v, f?, b?, mask?`, outputs `y` and the row
 * sums. With a mask, q, k and v come with zeros at padding, and y has them.
 */
export const LION_CHUNKWISE = "LionChunkwise";

/**
 * The gradient kernel: inputs `q, k, v, f?, b?, mask?`, the forward's outputs
 * `y, rowSums`, and `dy`; outputs `dq, dk, dv, df?, db?`. With a mask, dy comes
 * with zeros at padding too, and dq, dk and dv have them.
 */
export const LION_CHUNKWISE_GRADIENT = "LionChunkwiseGrad";

/**
 * How numbers are stored while a kernel multiplies them: as they come, or
 * rounded to 16 bits, with sums in 32 bits all the same.
 */
export type Precision = "f32" | "f16";

/** The attributes of both kernels. */
export interface ChunkwiseAttributes {
  /** Whether a token reads only itself and the tokens before it; then there is no `b`. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** Added to the row sum, after `scale`. */
  readonly epsilon: number;
  /** Tokens a chunk, as planned by the kernel. */
  readonly chunkSize: number;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
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
export interface ChunkwiseRequest extends AttentionSizes {
  /** Whether log decays come with it. */
  readonly decays: boolean;
  /** Whether a token reads only itself and the tokens before it. */
  readonly causal: boolean;
  /** Tokens a chunk; the kernel's choice if undefined. */
  readonly chunkSize: number | undefined;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
}

/** What a kernel would do. */
export interface ChunkwisePlan {
  /** Tokens a chunk; at most those asked for. */
  readonly chunkSize: number;
  /** Bytes that the forward pass needs beside its inputs and outputs. */
  readonly scratchBytes: number;
  /** How it runs, for people: such as "2 threads". */
  readonly how: string;
}

/** A registered forward kernel. */
export interface ChunkwiseKernel extends tf.KernelConfig {
  /** What it would do with a problem, or in words why it cannot. */
  plan(request: ChunkwiseRequest): ChunkwisePlan | { readonly refusal: string };
}

/** The current backend's kernel, if it has one. */
export function chunkwiseKernel(): ChunkwiseKernel | undefined {
  return tf.getKernel(LION_CHUNKWISE, tf.getBackend()) as
    | ChunkwiseKernel
    | undefined;
}

/**
 * Runs the current backend's kernel; differentiable in all its inputs but the
 * mask.
 *
 * The gradient recomputes the states, from the inputs, `y` and the row sums.
 *
 * @param tokens `[batch, length]` of float32, 0 at padding, if there is any.
 */
export function runChunkwiseKernel(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | null,
  attributes: ChunkwiseAttributes,
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
    const outputs = runKernel(LION_CHUNKWISE, named(given), attributes);
    save([...given, ...outputs]);
    return {
      value: outputs[0]!,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [y, rowSums] = saved.slice(-2) as [tf.Tensor, tf.Tensor];
        const given = named(saved);
        return runKernel(LION_CHUNKWISE_GRADIENT, {
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
