/**
 * LION: bidirectional linear attention with decay, in equivalent forms.
 *
 * {@linkcode useBackend} chooses a backend, and {@linkcode lionAttention}
 * computes attention with a decay such as {@linkcode fixedDecay} or
 * {@linkcode selectiveDecay}. {@linkcode lionViT}, {@linkcode lionBert},
 * {@linkcode lionGpt} and {@linkcode lionEncoder} are complete models, and
 * {@linkcode generate} writes text with one, {@linkcode classify} tells the
 * classes of texts and pictures, and {@linkcode fill} the words of gaps.
 *
 * The rest of the library has entries of its own:
 *
 * - `@lionjs/lion/attention`: attention and backends alone, for small pages
 * - `@lionjs/lion/training`: training, losses, metrics, schedules, checkpoints
 * - `@lionjs/lion/diffusion`: masked diffusion, texts and puzzles filled in any order
 * - `@lionjs/lion/data`: streams of batches, tokenizers, your own files
 * - `@lionjs/lion/datasets`: MNIST, corpora, synthetic tasks, data sets of papers
 * - `@lionjs/lion/io`: weights and models in files
 * - `@lionjs/lion/hub`: models and files of the Hugging Face hub
 * - `@lionjs/lion/family`: other linear transformers, in one call each
 * - `@lionjs/lion/layers`: base classes for your own layers, mixers and models
 * - `@lionjs/lion/operations`: the operations around attention
 * - `@lionjs/lion/tfjs`: TensorFlow.js on all processors, without anything of LION
 * - `@lionjs/lion/notebook`: figures, tables and progress in Jupyter
 * - `@lionjs/lion/mpi`: several processes that compute together
 * - `@lionjs/lion/tuning`: kernels tuned to a machine
 *
 * Source: "LION: Linear Attention for Efficient Bidirectional Sequence
 * Modeling", arXiv:2502.16249.
 *
 * @example One decay for each head
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fixedDecay, lionAttention, useBackend } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await useBackend({ prefer: ["wasm", "cpu"] });
 * // [batch, heads, tokens, columns]
 * const x = tf.randomUniform<tf.Rank.R4>([1, 2, 16, 4]);
 * const decay = fixedDecay(tf.log(tf.tensor1d([0.9, 0.5])));
 * assertEquals(lionAttention(x, x, x, { decay }).shape, [1, 2, 16, 4]);
 * ```
 *
 * @module
 */
// Registers the gradients of tfjs-core's operations.
import "@tensorflow/tfjs-layers";

export * from "./lib/entries/attention.ts";
export type { ContextGroup } from "@lionjs/base";
export { acrossRanks } from "./lib/ranks/across_ranks.ts";
export { attentionAcrossRanks } from "./lib/ranks/attention.ts";
export { contextParallel } from "./lib/ranks/context_parallel.ts";
export { deltaAcrossRanks } from "./lib/ranks/delta_attention.ts";
export {
  type AttentionOptions,
  type AttentionVariant,
} from "./lib/layers/options/attention_options.ts";
export type { Mixer } from "./lib/layers/mixer.ts";
export type { LearnedDecay } from "./lib/layers/mixers/lion_decays.ts";
export {
  registerDecay,
  registerMixer,
} from "./lib/layers/options/custom_registry.ts";
export { lionAttentionLayer } from "./lib/layers/attention_layer.ts";
export { lionBlock } from "./lib/layers/block.ts";
export {
  BERT_PRESETS,
  lionBert,
  type LionBertOptions,
} from "./lib/models/bert.ts";
export { classNames, setClassNames } from "./lib/models/class_names.ts";
export { classify, type ClassShare } from "./lib/models/classify.ts";
export { attentionRows } from "./lib/models/explanations/attention_rows.ts";
export { inputSaliency } from "./lib/models/explanations/input_saliency.ts";
export { acceptLosses } from "./lib/models/compile.ts";
export { lionEncoder, type LionEncoderOptions } from "./lib/models/encoder.ts";
export { factoredPositions } from "./lib/models/factored_positions.ts";
export {
  modelSummary,
  setForm,
  setGradientCheckpointing,
} from "./lib/models/forms.ts";
export { fill } from "./lib/models/fill.ts";

export {
  forecast,
  seriesScaling,
  setSeriesScaling,
} from "./lib/models/forecast.ts";
export { generate, type GenerationState } from "./lib/models/generate.ts";
export { GPT_PRESETS, lionGpt, type LionGptOptions } from "./lib/models/gpt.ts";
export { lionViT, type LionViTOptions, VIT_PRESETS } from "./lib/models/vit.ts";
export {
  HYDRA_BERT_PRESETS,
  HYDRA_PRESETS,
  VIM_PRESETS,
} from "./lib/models/baseline_presets.ts";
export { hydraMixer } from "./lib/layers/mixers/hydra.ts";
export { vimMixer } from "./lib/layers/mixers/vim.ts";
