/** The names of parameters in PyTorch's state dicts. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LionLayer } from "../layers/lion_layer.ts";
import { MixingLayer } from "../layers/mixing_layer.ts";

/** PyTorch's names within a layer of BERT. */
const BERT: readonly [RegExp, string | readonly string[]][] = [
  [/^norm1\./, "attention.output.LayerNorm."],
  [/^norm2\./, "output.LayerNorm."],
  [
    /^attn\.qkv\./,
    ["query.", "key.", "value."].map((name) => `attention.self.${name}`),
  ],
  [/^attn\.a_i$/, "attention.self.ai"],
  [/^attn\.a_i\./, "attention.self.Wa_i."],
  [/^attn\.norm\./, "attention.self.layer_norm."],
  [/^attn\.proj\./, "attention.output.dense."],
  [/^mlp\.fc1\./, "intermediate.dense."],
  [/^mlp\.fc2\./, "output.dense."],
];

/** PyTorch's names within a block of GPT-2. */
const GPT: readonly [RegExp, string][] = [
  [/^norm1\./, "ln_1."],
  [/^norm2\./, "ln_2."],
  [/^attn\.qkv\./, "attn.c_attn."],
  [/^attn\.proj\./, "attn.c_proj."],
  [/^mlp\.fc1\./, "mlp.c_fc."],
  [/^mlp\.fc2\./, "mlp.c_proj."],
];

/** Hugging Face's names within a layer of ViT. */
const VIT: readonly [RegExp, string | readonly string[]][] = [
  [/^norm1\./, "layernorm_before."],
  [/^norm2\./, "layernorm_after."],
  [
    /^attn\.qkv\./,
    ["query.", "key.", "value."].map((name) => `attention.attention.${name}`),
  ],
  [/^attn\.proj\./, "attention.output.dense."],
  [/^mlp\.fc1\./, "intermediate.dense."],
  [/^mlp\.fc2\./, "output.dense."],
];

/** The names of flash-linear-attention's RWKV-7, within a block and without. */
const RWKV7: readonly [RegExp, string][] = [
  [/^norm1\./, "attn_norm."],
  [/^norm2\./, "ffn_norm."],
];

const RWKV7_LAYERS: readonly [RegExp, string][] = [
  [/^transformer\.h\./, "model.layers."],
  [/^transformer\.ln_f$/, "model.norm"],
];

const RWKV7_EMBEDDINGS: readonly [RegExp, string][] = [
  [/^word_embeddings\./, "model.embeddings."],
  [/^LayerNorm\./, "model.layers.0.pre_norm."],
];

/** Hugging Face's names for the layers of ViT, and for the blocks' common part. */
const VIT_LAYERS: readonly [RegExp, string][] = [
  [/^blocks\./, "vit.encoder.layer."],
  [/^cls_token$/, "vit.embeddings.cls_token"],
  [/^pos_embed$/, "vit.embeddings.position_embeddings"],
  [/^patch_embed$/, "vit.embeddings.patch_embeddings"],
  [/^norm$/, "vit.layernorm"],
  [/^head$/, "classifier"],
];

/**
 * The source of the names of a vision transformer's parameters. For BERT and GPT-2
 * both use the same names.
 */
export type NamesOf = "authors" | "hugging-face";

/** The source of the names of a model's parameters. */
export type Source = NamesOf | "flash-linear-attention";

/** Whether a model is a vision transformer. */
function isViT({ layers }: LayersModel): boolean {
  return layers.some(({ name }) => name === "patch_embed");
}

/** Whether a model is `lionGpt` with RWKV-7. */
function isRwkv7({ layers }: LayersModel): boolean {
  return layers.some((layer) =>
    layer instanceof MixingLayer && layer.name.startsWith("transformer.h.") &&
    layer.attention.variant === "rwkv7"
  );
}

/** The source of the names of a model's parameters, if that of a ViT's is asked for. */
export function sourceOf(model: LayersModel, ofViT: NamesOf): Source {
  if (isRwkv7(model)) return "flash-linear-attention";
  return isViT(model) ? ofViT : "authors";
}

/** The source of the names of tensors for a model. */
export function namesAmong(
  names: Iterable<string>,
  model: LayersModel,
): Source {
  const theirs = /(^|\.)encoder\.layer\.\d+\.layernorm_before\./;
  const isTheirs = [...names].some((name) => theirs.test(name));
  return sourceOf(model, isTheirs ? "hugging-face" : "authors");
}

/** Returns PyTorch's names for a parameter of a layer. */
export function namesOf(
  layer: string,
  parameter: string,
  whose: Source,
): string[] {
  if (whose === "flash-linear-attention") {
    if (layer === "transformer.embeddings") {
      const rule = RWKV7_EMBEDDINGS.find(([pattern]) =>
        pattern.test(parameter)
      );
      if (rule) return [parameter.replace(...rule)];
    }
    const [pattern, theirs] = RWKV7_LAYERS.find(([pattern]) =>
      pattern.test(layer)
    ) ?? [/^/, ""];
    return namesIn(layer.replace(pattern, theirs), parameter, RWKV7);
  }
  if (whose === "hugging-face") {
    const [pattern, theirs] = VIT_LAYERS.find(([pattern]) =>
      pattern.test(layer)
    ) ?? [/^/, ""];
    const name = layer.replace(pattern, theirs);
    return namesIn(name, parameter.replace(/^proj\./, "projection."), VIT);
  }
  const rules = layer.startsWith("bert.encoder.layer.")
    ? BERT
    : layer.startsWith("transformer.h.")
    ? GPT
    : [];
  return namesIn(layer, parameter, rules);
}

/** The names for a parameter by the rules for layers of its kind. */
function namesIn(
  layer: string,
  parameter: string,
  rules: readonly [RegExp, string | readonly string[]][],
): string[] {
  for (const [pattern, replacements] of rules) {
    if (!pattern.test(parameter)) continue;
    return [replacements].flat().map((replacement) =>
      `${layer}.${parameter.replace(pattern, replacement)}`
    );
  }
  if (parameter === "value") return [layer];
  const words = { word_embeddings: "wte", position_embeddings: "wpe" };
  for (const [ours, theirs] of Object.entries(words)) {
    if (layer === "transformer.embeddings" && parameter.startsWith(ours)) {
      return [parameter.replace(ours, `transformer.${theirs}`)];
    }
  }
  return [`${layer}.${parameter}`];
}

/**
 * Duplicates in PyTorch's state dicts: BERT's head shares its table with the
 * embeddings, and the state dict holds the table and the bias twice.
 */
const COPIES: Readonly<Record<string, string>> = {
  "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
  "cls.predictions.decoder.bias": "cls.predictions.bias",
  "lm_head.weight": "transformer.wte.weight",
};

/** The duplicates that a model's state dict holds, which depend on its head. */
export function copiesOf(
  { layers }: LayersModel,
): [copy: string, original: string][] {
  const isOf = (layer: LayersModel["layers"][0], copy: string) =>
    copy.startsWith(`${layer.name}.`) &&
    !(layer instanceof LionLayer &&
      layer.parameters.some(({ name }) => copy === `${layer.name}.${name}`));
  return Object.entries(COPIES).filter(([copy]) =>
    layers.some((layer) => isOf(layer, copy))
  );
}

/** Names of buffers that a state dict may hold: position ids and masks. */
const BUFFERS =
  /(^|\.)(embeddings\.(position_ids|token_type_ids)|h\.\d+\.attn\.(masked_)?bias)$/;

/** Whether a tensor is a buffer, which PyTorch saves although it is not learned. */
export function isBuffer(name: string): boolean {
  return BUFFERS.test(name);
}

/** Prefixes that PyTorch's models with a head put before the base model's names. */
const BASES = ["bert.", "transformer.", "vit."];

/**
 * Returns the current name of a tensor: older models of Hugging Face use other
 * words, and models without a head have no prefix.
 */
export function knownName(
  name: string,
  isKnown: (name: string) => boolean,
): string {
  const modern = name.replace(/(LayerNorm)\.gamma$/, "$1.weight")
    .replace(/(LayerNorm)\.beta$/, "$1.bias");
  const candidates = [modern, ...BASES.map((base) => base + modern)];
  return candidates.find(isKnown) ?? modern;
}
