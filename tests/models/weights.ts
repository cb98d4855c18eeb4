/** What the models and their reference are given alike. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { loadPyTorchWeights, toPyTorchWeights } from "../../lib/io/mod.ts";
import { array, uniform } from "../random.ts";
import type { Attention, Weights } from "./reference.ts";

/** Weights of PyTorch that are other weights again. */
export const COPIES: ReadonlyMap<string, string> = new Map([
  [
    "cls.predictions.decoder.weight",
    "bert.embeddings.word_embeddings.weight",
  ],
  ["cls.predictions.decoder.bias", "cls.predictions.bias"],
  ["lm_head.weight", "transformer.wte.weight"],
]);

/** Gives a model seeded weights, all of them far from their first values. */
export async function withWeights(
  model: LayersModel,
  seed: number,
): Promise<Weights> {
  const random = uniform(seed);
  const weights = new Map<string, { shape: number[]; values: Float32Array }>();
  const own = toPyTorchWeights(model);
  for (const [name, { shape, size }] of own) {
    const isScale = /(norm\d?|LayerNorm|layer_norm|ln_.)\.weight$/.test(name);
    const values = array(
      size,
      random,
      (u) => isScale ? 0.5 + u : 0.8 * (2 * u - 1),
    );
    weights.set(name, { shape: [...shape], values });
  }
  for (const [copy, original] of COPIES) {
    const shared = weights.get(original);
    if (shared && weights.has(copy)) weights.set(copy, shared);
  }
  const tensors = new Map(
    [...weights].map(([name, { shape, values }]) => [
      name,
      tf.tensor(values, shape),
    ]),
  );
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...own.values(), ...tensors.values()]);
  return weights;
}

const ATTENTION: Omit<Attention, "variant" | "featureMap"> = {
  numHeads: 2,
  normalize: true,
  causal: false,
  classToken: false,
  orders: [],
};

/** What the reference has to know of a variant, with two heads. */
export function attentionOf(
  variant: Attention["variant"],
  other: Partial<Attention>,
): Attention {
  return {
    ...ATTENTION,
    variant,
    featureMap: variant === "lit" ? "eluPlusOne" : "shiftedSilu",
    ...other,
  };
}
