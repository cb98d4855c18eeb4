/** The inputs of transitions of rank one. @module */
import type * as tf from "@tensorflow/tfjs-core";

/** The vectors of transitions. */
export interface TransitionVectors {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly a?: tf.Tensor4D | undefined;
  readonly b?: tf.Tensor4D | undefined;
  readonly beta?: tf.Tensor4D | undefined;
}

/** What a step reads. */
export type Reads = "none" | "delta" | "tied" | "untied";

/** What the steps of these vectors read. */
export function readsOf({ a, b, beta }: TransitionVectors): Reads {
  if (beta) return "delta";
  return a ? b ? "untied" : "tied" : "none";
}

/** The number of steps of a token. */
export function stepsOf({ q, k }: Pick<TransitionVectors, "q" | "k">): number {
  return k.shape[2] / q.shape[2];
}
