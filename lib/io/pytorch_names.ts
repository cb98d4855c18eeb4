/** The names of parameters in PyTorch's state dicts. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";

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

/** Whether a model is a vision transformer. */
export function isViT({ layers }: LayersModel): boolean {
  return layers.some(({ name }) => name === "patch_embed");
}

/** The source of the names of tensors for a model. */
export function namesAmong(
  names: Iterable<string>,
  model: LayersModel,
): NamesOf {
  const theirs = /(^|\.)encoder\.layer\.\d+\.layernorm_before\./;
  return isViT(model) && [...names].some((name) => theirs.test(name))
    ? "hugging-face"
    : "authors";
}

/** Returns PyTorch's names for a parameter of a layer. */
export function namesOf(
  layer: string,
  parameter: string,
  whose: NamesOf,
): string[] {
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
  return Object.entries(COPIES).filter(([copy]) =>
    layers.some(({ name }) => copy.startsWith(`${name}.`))
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
