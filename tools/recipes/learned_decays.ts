/** The decays that trained models have, as in the paper's figure 12. @module */
import type { Batch } from "@lionjs/lion/data";
import { dense, layerNorm } from "@lionjs/lion/operations";
import { MixingLayer } from "@lionjs/lion/layers";
import * as tf from "@tensorflow/tfjs-core";
import {
  type LayersModel,
  model as modelOf,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";

/** The shares of the decays below each quantile. */
export const QUANTILES: readonly number[] = Array.from(
  { length: 21 },
  (_, i) => i / 20,
);

/**
 * The quantiles of the decays of LION-D or -S, of all heads, channels and tokens
 * of some inputs, by block; nothing of models that have none.
 *
 * @param model Whose blocks normalise before attention.
 * @param inputs A batch of what it takes.
 */
export async function decayQuantiles(
  model: LayersModel,
  inputs: readonly tf.Tensor[],
): Promise<Record<string, number[]>> {
  const blocks = model.layers.filter((layer) => layer instanceof MixingLayer);
  const found: Record<string, number[]> = {};
  for (const [i, block] of blocks.entries()) {
    const decays = decaysOf(model, block, inputs);
    if (!decays) return {};
    const sorted = (await decays.data()).toSorted() as Float32Array;
    decays.dispose();
    found[`block ${i + 1}`] = QUANTILES.map((share) =>
      sorted[Math.round(share * (sorted.length - 1))]!
    );
  }
  return found;
}

/** The same of the first batch. */
export async function decaysIn(
  model: LayersModel,
  batches: AsyncIterable<Batch>,
): Promise<Record<string, number[]>> {
  for await (const { inputs, labels } of batches) {
    const quantiles = await decayQuantiles(model, inputs);
    tf.dispose([...inputs, labels]);
    return quantiles;
  }
  return {};
}

/** The decays of a block; none if its mixer has none. */
function decaysOf(
  model: LayersModel,
  block: MixingLayer,
  inputs: readonly tf.Tensor[],
): tf.Tensor | undefined {
  // Other models of the process may have names that end alike, so that `name` differs.
  const names = block.weights.map(({ originalName }) => originalName);
  const has = (suffix: string) => names.some((name) => name.endsWith(suffix));
  if (has("attn.a_i")) return tf.sigmoid(block.parameter("attn.a_i"));
  if (!has("attn.a_i.weight")) return undefined;
  const before = modelOf({
    inputs: model.inputs,
    outputs: block.input as SymbolicTensor,
  });
  const parameter = <T extends tf.Tensor>(name: string) =>
    block.parameter(name) as T;
  return tf.tidy(() => {
    const x = layerNorm(
      before.predict([...inputs]) as tf.Tensor,
      parameter<tf.Tensor1D>("norm1.weight"),
      parameter<tf.Tensor1D>("norm1.bias"),
      { epsilon: block.epsilon },
    );
    const weight = parameter<tf.Tensor2D>("attn.a_i.weight");
    const logits = dense(x, weight, parameter<tf.Tensor1D>("attn.a_i.bias"));
    return tf.sigmoid(tf.neg(logits));
  });
}
