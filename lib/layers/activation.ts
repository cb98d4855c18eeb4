/** The activations of perceptrons. @module */
import { assertOneOf } from "@lionjs/base";
import type * as tf from "@tensorflow/tfjs-core";
import { gelu } from "../operations/gelu/gelu.ts";

/**
 * The activation of a multilayer perceptron: exact GELU, as in BERT and ViT, or
 * GPT-2's tanh approximation of it.
 */
export type Activation = "gelu" | "gelu-tanh";

export function activate<T extends tf.Tensor>(
  x: T,
  activation: Activation,
): T {
  return activation === "gelu" ? gelu(x) : gelu(x, { approximate: "tanh" });
}

/**
 * An activation as layers save it: exact GELU is left out, so that runs from
 * before there was another one are resumed.
 */
export function savedActivation(
  activation: Activation,
): { activation?: Activation } {
  return activation === "gelu" ? {} : { activation };
}

/** Throws unless an activation is one of the library's, or `undefined`. */
export function assertActivation(activation: Activation | undefined): void {
  if (activation === undefined) return;
  assertOneOf("activation", activation, ["gelu", "gelu-tanh"]);
}
