/** Hugging Face's names of activations. @module */
import type { Activation } from "../../layers/activation.ts";

/** The activations that perceptrons have here, by Hugging Face's names. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
};
