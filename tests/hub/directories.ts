/** Directories of small models, as Hugging Face's libraries write them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { writeSafetensors } from "../../lib/io/mod.ts";
import { uniform } from "../random.ts";
import type { Config, State, Weight } from "./hugging_face.ts";

/** A small BERT. */
export const BERT = {
  ...{ model_type: "bert", architectures: ["BertForMaskedLM"] },
  ...{ vocab_size: 21, hidden_size: 8, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, intermediate_size: 20, hidden_act: "gelu" },
  ...{ max_position_embeddings: 7, type_vocab_size: 2, layer_norm_eps: 1e-3 },
  ...{ hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 },
  ...{ position_embedding_type: "absolute", pad_token_id: 0 },
};

/** A small GPT-2. */
export const GPT2 = {
  ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"] },
  ...{ vocab_size: 17, n_embd: 12, n_layer: 2, n_head: 3, n_inner: null },
  ...{ n_positions: 9, activation_function: "gelu_new" },
  ...{ layer_norm_epsilon: 1e-3, resid_pdrop: 0.1 },
};

/** A small ViT. */
export const VIT = {
  ...{ model_type: "vit", architectures: ["ViTForImageClassification"] },
  ...{ hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ intermediate_size: 12, hidden_act: "gelu", layer_norm_eps: 1e-3 },
  ...{ image_size: 6, patch_size: 2, num_channels: 3, qkv_bias: true },
  id2label: { 0: "crane", 1: "dog", 2: "crane" },
  label2id: { crane: 2, dog: 1 },
};

/** Shapes by the names of weights; each `.w` stands for a weight and its bias. */
type Shapes = Record<string, readonly number[]>;

const linear = (name: string, outputs: number, inputs: number): Shapes => ({
  [`${name}.weight`]: [outputs, inputs],
  [`${name}.bias`]: [outputs],
});
const norm = (name: string, size: number): Shapes => ({
  [`${name}.weight`]: [size],
  [`${name}.bias`]: [size],
});

/** The weights of BERT with all heads that pre-training has, and a classifier. */
function bertShapes(numClasses: number): Shapes {
  const { hidden_size: d, intermediate_size: h, vocab_size: n } = BERT;
  const shapes: Shapes = {
    "bert.embeddings.word_embeddings.weight": [n, d],
    "bert.embeddings.position_embeddings.weight": [7, d],
    "bert.embeddings.token_type_embeddings.weight": [2, d],
    ...norm("bert.embeddings.LayerNorm", d),
    ...linear("bert.pooler.dense", d, d),
    ...linear("cls.predictions.transform.dense", d, d),
    ...norm("cls.predictions.transform.LayerNorm", d),
    "cls.predictions.bias": [n],
    ...linear("cls.seq_relationship", 2, d),
    ...linear("classifier", numClasses, d),
  };
  for (let i = 0; i < BERT.num_hidden_layers; i++) {
    const layer = `bert.encoder.layer.${i}`;
    for (const name of ["query", "key", "value"]) {
      Object.assign(shapes, linear(`${layer}.attention.self.${name}`, d, d));
    }
    Object.assign(shapes, {
      ...linear(`${layer}.attention.output.dense`, d, d),
      ...norm(`${layer}.attention.output.LayerNorm`, d),
      ...linear(`${layer}.intermediate.dense`, h, d),
      ...linear(`${layer}.output.dense`, d, h),
      ...norm(`${layer}.output.LayerNorm`, d),
    });
  }
  return shapes;
}

function gpt2Shapes(): Shapes {
  const { n_embd: d, vocab_size: n } = GPT2;
  const shapes: Shapes = {
    "transformer.wte.weight": [n, d],
    "transformer.wpe.weight": [9, d],
    ...norm("transformer.ln_f", d),
  };
  for (let i = 0; i < GPT2.n_layer; i++) {
    const block = `transformer.h.${i}`;
    const convolution = (name: string, inputs: number, outputs: number) => ({
      [`${block}.${name}.weight`]: [inputs, outputs],
      [`${block}.${name}.bias`]: [outputs],
    });
    Object.assign(shapes, {
      ...norm(`${block}.ln_1`, d),
      ...convolution("attn.c_attn", d, 3 * d),
      ...convolution("attn.c_proj", d, d),
      ...norm(`${block}.ln_2`, d),
      ...convolution("mlp.c_fc", d, 4 * d),
      ...convolution("mlp.c_proj", 4 * d, d),
    });
  }
  return shapes;
}

function vitShapes(): Shapes {
  const { hidden_size: d, intermediate_size: h } = VIT;
  const shapes: Shapes = {
    "vit.embeddings.cls_token": [1, 1, d],
    "vit.embeddings.position_embeddings": [1, 10, d],
    "vit.embeddings.patch_embeddings.projection.weight": [d, 3, 2, 2],
    "vit.embeddings.patch_embeddings.projection.bias": [d],
    ...norm("vit.layernorm", d),
    ...linear("classifier", 3, d),
  };
  for (let i = 0; i < VIT.num_hidden_layers; i++) {
    const layer = `vit.encoder.layer.${i}`;
    for (const name of ["query", "key", "value"]) {
      Object.assign(
        shapes,
        linear(`${layer}.attention.attention.${name}`, d, d),
      );
    }
    Object.assign(shapes, {
      ...norm(`${layer}.layernorm_before`, d),
      ...norm(`${layer}.layernorm_after`, d),
      ...linear(`${layer}.attention.output.dense`, d, d),
      ...linear(`${layer}.intermediate.dense`, h, d),
      ...linear(`${layer}.output.dense`, d, h),
    });
  }
  return shapes;
}

/** Weights far from their usual first values. */
function stateOf(shapes: Shapes): State {
  const random = uniform(7);
  return new Map(
    Object.entries(shapes).map(([name, shape]): [string, Weight] => {
      const length = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length }, () => 2 * random() - 1);
      return [name, { shape, values }];
    }),
  );
}

/** A pair of texts for the BERT, with padding. */
export const TEXT = {
  ids: [3, 1, 20, 7, 5, 0],
  mask: [1, 1, 1, 1, 1, 0],
  types: [0, 0, 1, 1, 0, 0],
};

const random = uniform(3);

/** An image for the ViT, `[6][6][3]`. */
export const IMAGE: number[][][] = Array.from(
  { length: 6 },
  () =>
    Array.from(
      { length: 6 },
      () => Array.from({ length: 3 }, () => Math.fround(2 * random() - 1)),
    ),
);

/** The weights of each small model. */
export const STATES = {
  bert: stateOf(bertShapes(3)),
  gpt2: stateOf(gpt2Shapes()),
  vit: stateOf(vitShapes()),
};

/** A state without the tensors whose names fit. */
export function without(state: State, names: RegExp): State {
  return new Map([...state].filter(([name]) => !names.test(name)));
}

/** Writes a model as one file of weights. */
export async function writeModel(
  folder: string,
  config: Config,
  state: State,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  const tensors = new Map(
    [...state].map(([name, { shape, values }]) => [
      name,
      tf.tensor(Float32Array.from(values), [...shape]),
    ]),
  );
  await writeSafetensors(`${folder}/model.safetensors`, tensors);
  tf.dispose([...tensors.values()]);
}
