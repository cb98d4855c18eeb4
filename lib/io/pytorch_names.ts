/** What PyTorch's models call their parameters. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** Names inside a BERT layer. */
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

/** Names inside a block of GPT-2. */
const GPT: readonly [RegExp, string][] = [
  [/^norm1\./, "ln_1."],
  [/^norm2\./, "ln_2."],
  [/^attn\.qkv\./, "attn.c_attn."],
  [/^attn\.proj\./, "attn.c_proj."],
  [/^mlp\.fc1\./, "mlp.c_fc."],
  [/^mlp\.fc2\./, "mlp.c_proj."],
];

/** The names in PyTorch of a parameter of a layer. */
export function namesOf(layer: string, parameter: string): string[] {
  const rules = layer.startsWith("bert.encoder.layer.")
    ? BERT
    : layer.startsWith("transformer.h.")
    ? GPT
    : [];
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
 * What PyTorch has besides a model's own parameters: BERT's head shares its
 * table with the embeddings, and its state holds it, and the bias, again.
 */
const COPIES: Readonly<Record<string, string>> = {
  "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
  "cls.predictions.decoder.bias": "cls.predictions.bias",
  "lm_head.weight": "transformer.wte.weight",
};

/** The copies of a model: those of the heads that it has. */
export function copiesOf(
  { layers }: LayersModel,
): [copy: string, original: string][] {
  return Object.entries(COPIES).filter(([copy]) =>
    layers.some(({ name }) => copy.startsWith(`${name}.`))
  );
}

/** Not parameters: numbers of positions and masks that a state of PyTorch may hold. */
const BUFFERS =
  /(^|\.)(embeddings\.(position_ids|token_type_ids)|h\.\d+\.attn\.(masked_)?bias)$/;

/** Whether a tensor is one that PyTorch saves and no model learns. */
export function isBuffer(name: string): boolean {
  return BUFFERS.test(name);
}

/** What a model with a head puts before the names of the model without one. */
const BASES = ["bert.", "transformer."];

/**
 * The name that a model knows a tensor by: older models of Hugging Face have
 * other words for it, and those without a head no name of the whole before it.
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
