/**
 * A small encoder of the library's operations: pre-norm blocks of LION attention and an
 * MLP, the mean of the tokens, ten classes. Its weights have PyTorch's names,
 * and those of dense layers the shape [inputs, outputs].
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type Decay,
  dense,
  eluPlusOne,
  fixedDecay,
  gelu,
  joinHeads,
  layerNorm,
  lionAttention,
  logSigmoid,
  noDecay,
  selectiveDecay,
  shiftedSilu,
  splitHeads,
} from "@lionjs/lion";
import { array, uniform } from "../tests/random.ts";
import type { Variant } from "./attention_problem.ts";
import type { NamedArray } from "./peers/torch.ts";

/** Classes of the head. */
export const CLASSES = 10;

/** The shape of an encoder. */
export interface EncoderSizes {
  readonly variant: Variant;
  readonly width: number;
  readonly heads: number;
  readonly depth: number;
}

/** Weights by name. */
export type Weights = ReadonlyMap<string, tf.Tensor>;

/** The same weights for the same sizes. */
export function initialWeights(
  { variant, width, heads, depth }: EncoderSizes,
): NamedArray[] {
  const random = uniform(width);
  const constant = (name: string, size: number, value: number) => ({
    name,
    shape: [size],
    values: new Float32Array(size).fill(value),
  });
  const dense = (name: string, inputs: number, outputs: number) => [
    {
      name: `${name}.weight`,
      shape: [inputs, outputs],
      // Keeps the variance of the inputs.
      values: array(
        inputs * outputs,
        random,
        (u) => (2 * u - 1) * Math.sqrt(3 / inputs),
      ),
    },
    constant(`${name}.bias`, outputs, 0),
  ];
  const norm = (name: string) => [
    constant(`${name}.weight`, width, 1),
    constant(`${name}.bias`, width, 0),
  ];
  const blocks = Array.from({ length: depth }, (_, i) => `blocks.${i}`);
  return [
    ...blocks.flatMap((block) => [
      ...norm(`${block}.attention_norm`),
      ...dense(`${block}.query_key_value`, width, 3 * width),
      ...(variant === "d" ? [constant(`${block}.decay_logits`, heads, 2)] : []),
      ...(variant === "s" ? dense(`${block}.gate`, width, heads) : []),
      ...dense(`${block}.projection`, width, width),
      ...norm(`${block}.mlp_norm`),
      ...dense(`${block}.up`, width, 4 * width),
      ...dense(`${block}.down`, 4 * width, width),
    ]),
    ...norm("norm"),
    ...dense("head", width, CLASSES),
  ];
}

/** The mean cross-entropy of `inputs`, `[batch, length, width]`, with one-hot `labels`. */
export function loss(
  sizes: EncoderSizes,
  weights: Weights,
  inputs: tf.Tensor3D,
  labels: tf.Tensor2D,
  form: AttentionForm,
): tf.Scalar {
  const layer = layersOf(weights);
  let x: tf.Tensor3D = inputs;
  for (let i = 0; i < sizes.depth; i++) {
    const block = `blocks.${i}`;
    const attended = attend(layer.norm(x, `${block}.attention_norm`), {
      ...sizes,
      weights,
      block,
      form,
    });
    x = tf.add(x, layer.dense(attended, `${block}.projection`));
    const hidden = layer.dense(
      layer.norm(x, `${block}.mlp_norm`),
      `${block}.up`,
    );
    x = tf.add(x, layer.dense(gelu(hidden), `${block}.down`));
  }
  const pooled = tf.mean(layer.norm(x, "norm"), 1);
  const logits = layer.dense(pooled, "head");
  return tf.losses.softmaxCrossEntropy(labels, logits) as tf.Scalar;
}

/** The library's operations with weights by name. */
function layersOf(weights: Weights) {
  const vector = (name: string) => weights.get(name) as tf.Tensor1D;
  return {
    dense: <T extends tf.Tensor>(x: T, name: string) =>
      dense(
        x,
        weights.get(`${name}.weight`) as tf.Tensor2D,
        vector(`${name}.bias`),
      ) as T,
    norm: <T extends tf.Tensor>(x: T, name: string) =>
      layerNorm(x, vector(`${name}.weight`), vector(`${name}.bias`)),
  };
}

interface Attention extends EncoderSizes {
  readonly weights: Weights;
  readonly block: string;
  readonly form: AttentionForm;
}

/** `[batch, length, width]` to the same, before the projection. */
function attend(x: tf.Tensor3D, attention: Attention): tf.Tensor3D {
  const { variant, heads: numHeads, weights, block, form } = attention;
  const projected = layersOf(weights).dense(x, `${block}.query_key_value`);
  const featureMap = variant === "lit" ? eluPlusOne : shiftedSilu;
  const { q, k, v } = splitHeads(projected, { numHeads, featureMap });
  const decay = decayOf(x, attention);
  return joinHeads(lionAttention(q, k, v, { form, decay }));
}

function decayOf(
  x: tf.Tensor3D,
  { variant, weights, block }: Attention,
): Decay {
  if (variant === "lit") return noDecay();
  if (variant === "d") {
    const logits = weights.get(`${block}.decay_logits`) as tf.Tensor1D;
    return fixedDecay(logSigmoid(logits));
  }
  const logits = layersOf(weights).dense(x, `${block}.gate`);
  return selectiveDecay(logSigmoid(tf.transpose(logits, [0, 2, 1])));
}
