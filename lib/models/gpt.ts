/** GPT with the mixers of this library. @module */
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";
import { assertOptions, optionsOf } from "@lionjs/base";
import type { Activation } from "../layers/activation.ts";
import type { AttentionOptions } from "../layers/options/attention_options.ts";
import { Normalization } from "../layers/normalization.ts";
import {
  assertBooleans,
  assertCount,
  assertEmbeddingStd,
} from "../layers/options/option_values.ts";
import { assertNewNames } from "../layers/options/renamed_options.ts";
import { EMBEDDING_STD } from "../layers/embeddings/positions.ts";
import { tokenEmbedding } from "../layers/embeddings/token_embedding.ts";
import { VocabularyHead } from "../layers/embeddings/vocabulary_head.ts";
import {
  assertStack,
  connect,
  idsInput,
  MODEL_OPTIONS,
  modelOf,
  seedOf,
  segmentsInput,
  stack,
} from "./graph.ts";
import { madeBy } from "./made_by.ts";

/** Options of {@linkcode lionGpt}. */
export interface LionGptOptions extends
  Omit<
    AttentionOptions,
    | ("grid" | "order" | "classToken" | "layer" | "direction" | "countSelf")
    | "blockLength"
  > {
  /** Number of tokens in the vocabulary. @default 50257 */
  vocabularySize?: number | undefined;
  /** Width of the model: columns per token. */
  dim: number;
  /** Number of blocks. */
  depth: number;
  /** Hidden width of a block's perceptron, as a multiple of `dim`; 0 for none. @default 4 */
  mlpRatio?: number | undefined;
  /**
   * The perceptrons' activation: exact GELU, or GPT-2's approximation of it.
   * @default "gelu"
   */
  activation?: Activation | undefined;
  /**
   * Number of learned positions; 0 for none, and texts of any length.
   * @default 0; for softmax without `position` 1024
   */
  maxLength?: number | undefined;
  /** Epsilon added to the variance in normalisations. @default 1e-5 */
  epsilon?: number | undefined;
  /**
   * Whether the tokens' vectors are layer-normalised before the first block.
   * @default false; for `"rwkv7"` true
   */
  embeddingNorm?: boolean | undefined;
  /**
   * Whether the head's table is that of the tokens' vectors.
   * @default true; for `"rwkv7"` false
   */
  tiedHead?: boolean | undefined;
  /**
   * Standard deviation of the initial values of the vectors of tokens and
   * positions, drawn from a normal distribution truncated at two deviations.
   * @default 0.02
   */
  embeddingStd?: number | undefined;
  /**
   * Whether gradients recompute each block's activations instead of keeping
   * them; see {@linkcode LionBlockOptions}.
   * @default false
   */
  gradientCheckpointing?: boolean | undefined;
  /** Seed of the parameters' initial values. @default a new one each time */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<LionGptOptions>()(
  ...MODEL_OPTIONS,
  "segments vocabularySize maxLength embeddingNorm tiedHead",
);

/**
 * GPT-2's small size, for `lionGpt`.
 *
 * @example GPT-2's width and heads, in two blocks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { GPT_PRESETS, lionGpt } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sizes = { ...GPT_PRESETS.small, depth: 2 };
 * const model = lionGpt({ ...sizes, vocabularySize: 100, variant: "s" });
 * assertEquals(model.outputs[0]!.shape, [null, null, 100]);
 * ```
 */
export const GPT_PRESETS: Readonly<
  Record<"small", { dim: number; depth: number; numHeads: number }>
> = { small: { dim: 768, depth: 12, numHeads: 12 } };

/**
 * Makes a causal language model, GPT-2 with LION attention: it maps ids
 * `[batch, length]` to the logits of the token after each,
 * `[batch, length, vocabularySize]`. With `segments: true`, documents are
 * packed into rows and do not attend to each other: the second input is
 * `segments`, `[batch, length]`, and positions restart with each document.
 *
 * With `variant: "rwkv7"` it is RWKV-7, and its weights have the names of
 * flash-linear-attention's `RWKV7ForCausalLM`.
 *
 * Source: LION (arXiv:2502.16249), causal language modelling; Radford et al.
 * 2019, GPT-2.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generate, lionGpt } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionGpt({
 *   vocabularySize: 50, dim: 16, depth: 2, numHeads: 2, variant: "s",
 * });
 * const ids = await generate(model, [1, 2, 3], { maxNewTokens: 4, temperature: 0 });
 * assertEquals(ids.length, 4);
 * ```
 *
 * @param options See {@linkcode LionGptOptions}; `{ ...GPT_PRESETS.small,
 * variant: "s" }` has GPT-2's sizes.
 * @returns The model.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function lionGpt(options: LionGptOptions): LayersModel {
  assertNewNames("lionGpt", options, OPTIONS);
  assertOptions("lionGpt", options, OPTIONS);
  const {
    vocabularySize = 50257,
    maxLength = hasNoPositions(options) ? 1024 : 0,
    epsilon = 1e-5,
    embeddingStd = EMBEDDING_STD,
    embeddingNorm = options.variant === "rwkv7",
    tiedHead = options.variant !== "rwkv7",
    dim,
    seed,
    ...block
  } = options;
  assertBooleans({ embeddingNorm, tiedHead });
  assertStack({ ...block, epsilon }, dim);
  assertCount("vocabularySize", vocabularySize);
  assertCount("maxLength", maxLength, 0);
  assertEmbeddingStd(embeddingStd);
  const packed = options.segments ?? false;
  const ids = idsInput("ids"), segments = segmentsInput(packed);
  const embedding = tokenEmbedding({
    name: "transformer.embeddings",
    vocabularySize,
    dim,
    maxLength,
    segments: packed,
    ...(embeddingNorm ? { normalize: true, epsilon } : {}),
    dropout: options.dropout ?? 0,
    embeddingStd,
    seed: seedOf(seed, -2),
  });
  const [embedded, table] = embedding.apply(
    segments ? [ids, segments] : ids,
  ) as SymbolicTensor[];
  let x = stack(
    embedded!,
    { segments },
    {
      ...block,
      seed,
      epsilon,
      direction: "forward",
    },
    (i) => `transformer.h.${i}`,
  );
  x = connect(new Normalization({ name: "transformer.ln_f", epsilon }), x);
  const head = new VocabularyHead({
    name: "lm_head",
    ...(tiedHead ? {} : { tied: false, seed: seedOf(seed, -1) }),
  });
  return madeBy(
    "lionGpt",
    options,
    modelOf("lion_gpt", [ids, segments], connect(head, [x, table!])),
  );
}

/** Whether the mixer leaves the order of tokens to learned positions. */
function hasNoPositions(
  { variant, position = "none" }: LionGptOptions,
): boolean {
  return variant === "softmax" && position === "none";
}
