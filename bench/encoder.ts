/**
 * A small encoder of the library's layers: blocks, the mean of the tokens, ten
 * classes.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  type LayersModel,
  model,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { lionBlock } from "@lionjs/lion";
import { tokenPooling } from "@lionjs/lion/layers";
import { toPyTorchWeights } from "@lionjs/lion/io";
import { Linear } from "../lib/layers/linear.ts";
import { Normalization } from "../lib/layers/normalization.ts";
import type { Variant } from "./attention_problem.ts";
import type { NamedArray } from "./peers/peer_process.ts";

/** Classes of the head. */
export const CLASSES = 10;

/** The shape of an encoder. */
export interface EncoderSizes {
  readonly variant: Variant;
  readonly width: number;
  readonly heads: number;
  readonly depth: number;
}

/** `[batch, length, width]` to logits `[batch, CLASSES]`; the same weights for the same sizes. */
export function encoder(
  { variant, width, heads, depth }: EncoderSizes,
): LayersModel {
  const tokens = input({ shape: [null, width] });
  let x: SymbolicTensor = tokens;
  for (let i = 0; i < depth; i++) {
    const name = `blocks.${i}`;
    const block = lionBlock({ variant, numHeads: heads, name, seed: 100 * i });
    x = block.apply(x) as SymbolicTensor;
  }
  for (
    const layer of [
      new Normalization({ name: "norm" }),
      tokenPooling({ kind: "mean" }),
      new Linear({ name: "head", outputs: CLASSES, seed: 100 * depth }),
    ]
  ) {
    x = layer.apply(x) as SymbolicTensor;
  }
  return model({ inputs: tokens, outputs: x });
}

/** A model's weights, by the names and in the layouts that PyTorch has. */
export async function weightsOf(model: LayersModel): Promise<NamedArray[]> {
  const weights = toPyTorchWeights(model);
  const arrays = await Promise.all(
    [...weights].map(async ([name, x]): Promise<NamedArray> => ({
      name,
      shape: x.shape,
      values: await x.data() as Float32Array,
    })),
  );
  tf.dispose([...weights.values()]);
  return arrays;
}
