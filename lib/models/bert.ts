/** BERT with the mixers of this library. @module */
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";
import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import type { Activation } from "../layers/activation.ts";
import {
  type AttentionOptions,
  isLion,
} from "../layers/options/attention_options.ts";
import { Linear } from "../layers/linear.ts";
import { Normalization } from "../layers/normalization.ts";
import {
  assertCount,
  assertEmbeddingStd,
  assertNotGiven,
} from "../layers/options/option_values.ts";
import { assertNewNames } from "../layers/options/renamed_options.ts";
import { EMBEDDING_STD } from "../layers/embeddings/positions.ts";
import { tokenPooling } from "../layers/embeddings/tokens.ts";
import { tokenEmbedding } from "../layers/embeddings/token_embedding.ts";
import { VocabularyHead } from "../layers/embeddings/vocabulary_head.ts";
import {
  assertFirstReads,
  assertMaxSegments,
  assertStack,
  connect,
  ENCODER_OPTIONS,
  idsInput,
  maskInput,
  MODEL_OPTIONS,
  type ModelDirection,
  modelOf,
  seedOf,
  segmentsInput,
  stack,
} from "./graph.ts";
import { madeBy } from "./made_by.ts";

/** Options of {@linkcode lionBert}. */
export interface LionBertOptions extends
  Omit<
    AttentionOptions,
    "grid" | "order" | "classToken" | "layer" | "direction"
  > {
  /** Number of tokens in the vocabulary. @default 30522 */
  vocabularySize?: number | undefined;
  /**
   * The tokens that each token attends to: those on both sides, those before it
   * (`"forward"`), those after it (`"backward"`), or before and after in turn,
   * block by block (`"alternate"`, the paper's Table 16).
   * @default "both"
   */
  direction?: ModelDirection | undefined;
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
  /** Number of learned positions; 0 for no position embedding. @default 512 */
  maxLength?: number | undefined;
  /**
   * Number of token types, given in the input `types`; 0 for no such input.
   * @default 2
   */
  tokenTypes?: number | undefined;
  /**
   * The kind of head: its output is logits per token or per class.
   * @default "masked-language-model"
   */
  head?: "masked-language-model" | "classification" | undefined;
  /**
   * Number of classes, or 1 for a number such as a similarity; for
   * `head: "classification"` only. @default 2
   */
  numClasses?: number | undefined;
  /**
   * The vector to classify: the first token's, as in BERT, or the mean of all;
   * for `head: "classification"` only. @default "first"
   */
  pooling?: "first" | "mean" | undefined;
  /**
   * Where blocks normalise: after each sublayer, as in BERT, or before it, with
   * one more normalisation at the end. @default "post"
   */
  norm?: "pre" | "post" | undefined;
  /**
   * The largest number of sequences in a row; required if `segments` packs them
   * and each is classified.
   */
  maxSegments?: number | undefined;
  /** Epsilon added to the variance in normalisations. @default 1e-12 */
  epsilon?: number | undefined;
  /**
   * Standard deviation of the initial values of the vectors of tokens,
   * positions and token types, drawn from a normal distribution truncated at
   * two deviations. @default 0.02
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

const OPTIONS = optionsOf<LionBertOptions>()(
  ...MODEL_OPTIONS,
  ENCODER_OPTIONS,
  "vocabularySize maxLength tokenTypes head numClasses pooling norm segments",
  "maxSegments blockLength",
);

/**
 * BERT's sizes, for `lionBert`.
 *
 * @example BERT's width and heads, in two blocks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BERT_PRESETS, lionBert } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sizes = { ...BERT_PRESETS.base, depth: 2 };
 * const model = lionBert({ ...sizes, vocabularySize: 100, variant: "s" });
 * assertEquals(model.outputs[0]!.shape, [null, null, 100]);
 * ```
 */
export const BERT_PRESETS: Readonly<
  Record<"base" | "large", { dim: number; depth: number; numHeads: number }>
> = {
  base: { dim: 768, depth: 12, numHeads: 12 },
  large: { dim: 1024, depth: 24, numHeads: 16 },
};

/**
 * Makes a BERT with LION attention. Its inputs are `ids`, `mask` (1 for a
 * token, 0 for padding) and, if there are token types, `types`, each
 * `[batch, length]`. Its output is logits `[batch, length, vocabularySize]` or
 * `[batch, numClasses]`.
 *
 * With `segments: true`, sequences are packed into rows: the last input is
 * `segments`, `[batch, length]`, positions restart with each sequence, and each
 * is classified, `[batch, maxSegments, numClasses]`.
 *
 * As in the authors' code, attention has neither feature map nor normaliser,
 * and LION-LIT's output is layer-normalised instead; options can change that.
 *
 * Source: LION (arXiv:2502.16249), masked language modelling; Devlin et al. 2019
 * (arXiv:1810.04805).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionBert } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionBert({
 *   vocabularySize: 100, dim: 16, depth: 1, numHeads: 2, maxLength: 8,
 *   tokenTypes: 0, variant: "s",
 * });
 * const ids = tf.ones([2, 5], "int32"), mask = tf.ones([2, 5]);
 * const logits = model.predict([ids, mask]) as tf.Tensor;
 * assertEquals(logits.shape, [2, 5, 100]);
 * ```
 *
 * @param options See {@linkcode LionBertOptions}; `{ ...BERT_PRESETS.base,
 * variant: "s" }` has BERT's sizes.
 * @returns The model.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function lionBert(options: LionBertOptions): LayersModel {
  assertNewNames("lionBert", options, OPTIONS);
  assertOptions("lionBert", options, OPTIONS);
  const {
    vocabularySize = 30522,
    maxLength = 512,
    tokenTypes = 2,
    head = "masked-language-model",
    numClasses = 2,
    pooling = "first",
    norm = "post",
    maxSegments,
    epsilon = 1e-12,
    embeddingStd = EMBEDDING_STD,
    dim,
    seed,
    ...block
  } = options;
  assertOneOf("head", head, ["masked-language-model", "classification"]);
  assertOneOf("pooling", pooling, ["first", "mean"]);
  assertStack({ ...block, norm, epsilon }, dim);
  if (head === "classification" && pooling === "first") {
    assertFirstReads(options.direction, 'head "classification"');
  }
  assertCount("vocabularySize", vocabularySize);
  assertCount("maxLength", maxLength, 0);
  assertCount("tokenTypes", tokenTypes, 0);
  assertCount("numClasses", numClasses);
  if (head === "masked-language-model") {
    assertNotGiven(
      { numClasses: options.numClasses, pooling: options.pooling },
      'is for head: "classification", and this head is "masked-language-model"',
    );
  }
  assertEmbeddingStd(embeddingStd);
  const packed = options.segments ?? false;
  assertMaxSegments(maxSegments, packed && head === "classification");
  const dropout = options.dropout ?? 0;
  const ids = idsInput("ids"), mask = maskInput();
  const types = tokenTypes > 0 ? idsInput("types") : undefined;
  const segments = segmentsInput(packed);
  const embedding = tokenEmbedding({
    name: "bert.embeddings",
    vocabularySize,
    dim,
    maxLength,
    tokenTypes,
    segments: packed,
    normalize: true,
    epsilon,
    dropout,
    embeddingStd,
    seed: seedOf(seed, -4),
  });
  const given = [ids, types, segments].filter((input) => input !== undefined);
  const [embedded, table] = embedding.apply(given) as SymbolicTensor[];
  let x = stack(
    embedded!,
    { mask, segments },
    {
      ...block,
      ...(isLion(block) && {
        featureMap: block.featureMap ?? "identity",
        normalize: block.normalize ?? false,
        outputNorm: block.outputNorm ?? block.variant === "lit",
      }),
      seed,
      norm,
      epsilon,
    },
    (i) => `bert.encoder.layer.${i}`,
  );
  if (norm === "pre") {
    x = connect(new Normalization({ name: "bert.LayerNorm", epsilon }), x);
  }
  if (head === "masked-language-model") {
    const predictions = new VocabularyHead({
      name: "cls.predictions",
      transform: true,
      activation: options.activation,
      epsilon,
      seed: seedOf(seed, -3),
    });
    x = connect(predictions, [x, table!]);
  } else {
    const pool = tokenPooling({
      name: "pool",
      kind: pooling,
      maxSegments,
    });
    const isAlone = pooling === "first" && !segments;
    x = connect(pool, isAlone ? x : [x, mask, segments]);
    const pooler = new Linear({
      name: "bert.pooler.dense",
      outputs: dim,
      activation: "tanh",
      seed: seedOf(seed, -2),
    });
    const classifier = new Linear({
      name: "classifier",
      outputs: numClasses,
      seed: seedOf(seed, -1),
    });
    x = connect(classifier, connect(pooler, x));
  }
  return madeBy(
    "lionBert",
    options,
    modelOf("lion_bert", [ids, mask, types, segments], x),
  );
}
