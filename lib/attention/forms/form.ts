/** The types and helpers that all forms of attention have in common. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { type DecayPair, isDiagonal } from "../decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";

/** The name of a form, without `"auto"`, which chooses one. */
export type ConcreteForm = "full" | "recurrent" | "blockwise" | "chunkwise";
/** The names of all forms. */
export const FORMS: readonly ConcreteForm[] = [
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
];

/** How a call is to be computed. */
export interface PlannedForm {
  readonly form: ConcreteForm;
  /** Tokens per chunk, block or tile, or `null` where there are none. */
  readonly chunkSize: number | null;
}

/**
 * One way to compute `y_i = Σ_j M_ij (q_i · k_j) v_j`, with a diagonal pair
 * `y_i = Σ_j (Σ_n M_ijn q_in k_jn) v_j`.
 *
 * The caller takes care of scale, padding and the normaliser: q comes scaled, k
 * has zeros at padding, and the row sum of the masked scores is the output for
 * a column of ones in v. q and k are `[batch, heads, length, headDim]`, v and
 * the result `[batch, heads, length, columns]`. Without a pair, all M_ij are 1.
 * Forms without chunks ignore `chunkSize`.
 */
export type Form = (
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
  chunkSize: number,
) => tf.Tensor4D;

/** The options that change what attention computes, with their defaults. */
export interface AttentionSettings {
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** The factor of the scores q · k. */
  readonly scale: number;
  /** Whether to divide by the row sum of the masked scores. */
  readonly normalize: boolean;
  /** The number added to the row sum, after `scale`. */
  readonly epsilon: number;
}

/** The tensors of attention, q, k and v as the caller gave them. */
export interface AttentionInputs {
  /** Queries, `[batch, heads, length, headDim]`, or one head that all heads of v share. */
  readonly q: tf.Tensor4D;
  /** Keys, in the shape of q. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** Log decays applied on arrival, or `null` where nothing decays. */
  readonly decays: DecayPair | null;
  /** The mask of tokens, `[batch, length]` of float32, 0 at padding; `undefined` without padding. */
  readonly tokens: tf.Tensor2D | undefined;
}

/**
 * Queries or keys for all heads, as float32; a single head that all share is repeated.
 *
 * @param name The caller's name for x.
 * @param x `[batch, heads or 1, length, headDim]`
 */
export function repeatHeads(
  name: string,
  x: tf.Tensor4D,
  heads: number,
): tf.Tensor4D {
  const [batch, given, length, headDim] = x.shape;
  if (given === heads) return x;
  const shape = [batch, heads, length, headDim];
  return spread(floats(name, x), shape) as tf.Tensor4D;
}

/** A function of tensors with its own gradient. */
export interface Differentiable {
  /** Computes the function's value. */
  forward(inputs: tf.Tensor[]): tf.Tensor;
  /**
   * Computes the gradient of the loss with respect to each input, given the gradient of
   * the loss with respect to the value.
   */
  backward(inputs: tf.Tensor[], gradient: tf.Tensor): tf.Tensor[];
}

/**
 * Applies a function whose gradient recomputes what it needs from the inputs.
 *
 * The tape of tfjs would keep every intermediate tensor instead, and so use the
 * memory that the recurrent and the blockwise form exist to save.
 */
export function recomputed(
  inputs: tf.Tensor[],
  { forward, backward }: Differentiable,
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as tf.GradSaveFunc;
    save(args as tf.Tensor[]);
    return {
      value: forward(args as tf.Tensor[]),
      gradFunc: (gradient: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => backward(saved, gradient)),
    };
  });
  return operation(...inputs);
}

/**
 * The inputs of a differentiable form; the pair, if any, is broadcast over the
 * batch.
 */
export function formInputs(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: DecayPair | null,
): tf.Tensor[] {
  if (pair === null) return [q, k, v];
  const perToken = v.shape.slice(0, 3);
  const { forward, backward } = pair;
  if (isDiagonal(pair)) {
    return [q, k, v, forward, ...backward ? [backward] : []];
  }
  const logDecays = backward ? [forward, backward] : [forward];
  return [q, k, v, ...logDecays.map((x) => spread(x, perToken))];
}
