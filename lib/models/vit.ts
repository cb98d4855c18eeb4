/** Vision transformers with the mixers of this library. @module */
import { input, type LayersModel } from "@tensorflow/tfjs-layers";
import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import type { Activation } from "../layers/activation.ts";
import type { AttentionOptions } from "../layers/options/attention_options.ts";
import { Linear } from "../layers/linear.ts";
import { Normalization } from "../layers/normalization.ts";
import {
  assertBooleans,
  assertCount,
  assertEmbeddingStd,
  assertNotGiven,
} from "../layers/options/option_values.ts";
import { assertNewNames } from "../layers/options/renamed_options.ts";
import { patchEmbedding } from "../layers/embeddings/patch_embedding.ts";
import {
  EMBEDDING_STD,
  positionEmbedding as positionLayer,
} from "../layers/embeddings/positions.ts";
import {
  classToken as classTokenLayer,
  tokenPooling,
} from "../layers/embeddings/tokens.ts";
import {
  assertFirstReads,
  assertStack,
  connect,
  ENCODER_OPTIONS,
  MODEL_OPTIONS,
  type ModelDirection,
  modelOf,
  seedOf,
  stack,
} from "./graph.ts";
import { madeBy } from "./made_by.ts";

/** Options of {@linkcode lionViT}. */
export interface LionViTOptions extends
  Omit<
    AttentionOptions,
    "grid" | "classToken" | "layer" | "segments" | "direction" | "blockLength"
  > {
  /** Side of the square images in pixels. @default 224 */
  imageSize?: number | undefined;
  /** Side of a patch in pixels. @default 16 */
  patchSize?: number | undefined;
  /** Number of channels of the images. @default 3 */
  channels?: number | undefined;
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
  /** Number of classes. @default 1000 */
  numClasses?: number | undefined;
  /**
   * Whether each patch has a learned position. Without positions and class
   * token, reversing the patches does not change the output. @default true
   */
  positionEmbedding?: boolean | undefined;
  /**
   * `"read"` adds a class token and classifies it; `"mean"` adds one and
   * classifies the mean of all tokens, class token included; `"none"`
   * classifies the mean of the patches. @default "mean"
   */
  classToken?: "read" | "mean" | "none" | undefined;
  /**
   * Probability that training skips a sublayer of the last block; smaller in
   * earlier blocks. @default 0
   */
  dropPath?: number | undefined;
  /** Epsilon added to the variance in normalisations. @default 1e-6 */
  epsilon?: number | undefined;
  /**
   * Standard deviation of the initial values of the vectors of positions and
   * the class token, drawn from a normal distribution truncated at two
   * deviations.
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

const OPTIONS = optionsOf<LionViTOptions>()(
  ...MODEL_OPTIONS,
  ENCODER_OPTIONS,
  "order imageSize patchSize channels numClasses positionEmbedding classToken",
  "dropPath",
);

/**
 * The paper's model sizes for images of 224 × 224 pixels.
 *
 * @example The tiny model's parameters, in millions
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT, VIT_PRESETS } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({ ...VIT_PRESETS.tiny, variant: "lit" });
 * assertEquals((model.countParams() / 1e6).toFixed(1), "5.7");
 * ```
 */
export const VIT_PRESETS: Readonly<
  Record<
    "tiny" | "small" | "base",
    { dim: number; depth: number; numHeads: number }
  >
> = {
  tiny: { dim: 192, depth: 12, numHeads: 3 },
  small: { dim: 384, depth: 12, numHeads: 6 },
  base: { dim: 768, depth: 12, numHeads: 12 },
};

/**
 * Makes a vision transformer with LION attention: it maps images
 * `[batch, imageSize, imageSize, channels]` to logits `[batch, numClasses]`.
 *
 * Source: LION (arXiv:2502.16249), image classification. Its parameters have
 * the names of the authors' code.
 *
 * @example A digit classifier with snake orders
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({
 *   imageSize: 28, patchSize: 7, channels: 1, dim: 32, depth: 2, numHeads: 4,
 *   numClasses: 10, variant: "s", order: "snake",
 * });
 * const logits = model.predict(tf.zeros([3, 28, 28, 1])) as tf.Tensor;
 * assertEquals(logits.shape, [3, 10]);
 * ```
 *
 * @param options See {@linkcode LionViTOptions}; `{ ...VIT_PRESETS.tiny,
 * variant: "s" }` has the paper's sizes.
 * @returns The model.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function lionViT(options: LionViTOptions): LayersModel {
  assertNewNames("lionViT", options, OPTIONS);
  assertOptions("lionViT", options, OPTIONS);
  const {
    imageSize = 224,
    patchSize = 16,
    channels = 3,
    numClasses = 1000,
    positionEmbedding = true,
    classToken = "mean",
    embeddingStd = EMBEDDING_STD,
    dim,
    seed,
    ...block
  } = options;
  assertOneOf("classToken", classToken, ["read", "mean", "none"]);
  assertStack({ ...block, grid: [1, 1] }, dim);
  if (classToken === "read") {
    assertFirstReads(options.direction, 'classToken "read"');
  }
  assertCount("imageSize", imageSize);
  assertCount("patchSize", patchSize);
  assertCount("channels", channels);
  assertCount("numClasses", numClasses);
  assertBooleans({ positionEmbedding });
  assertEmbeddingStd(embeddingStd);
  if (!positionEmbedding && classToken === "none") {
    assertNotGiven(
      { embeddingStd: options.embeddingStd },
      'is for the vectors of positions and the class token, and a model with positionEmbedding: false and classToken "none" has neither',
    );
  }
  const epsilon = options.epsilon ?? 1e-6;
  const images = input({
    shape: [imageSize, imageSize, channels],
    name: "images",
  });
  const patches = patchEmbedding({
    patchSize,
    dim,
    name: "patch_embed",
    seed: seedOf(seed, -4),
  });
  let x = connect(patches, images);
  if (classToken !== "none") {
    const token = classTokenLayer({
      name: "cls_token",
      embeddingStd,
      seed: seedOf(seed, -3),
    });
    x = connect(token, x);
  }
  if (positionEmbedding) {
    const places = positionLayer({
      name: "pos_embed",
      embeddingStd,
      seed: seedOf(seed, -2),
    });
    x = connect(places, x);
  }
  const side = imageSize / patchSize;
  x = stack(
    x,
    {},
    {
      ...block,
      seed,
      epsilon,
      grid: [side, side],
      classToken: classToken !== "none",
    },
    (i) => `blocks.${i}`,
  );
  x = connect(new Normalization({ name: "norm", epsilon }), x);
  const kind = classToken === "read" ? "first" : "mean";
  x = connect(tokenPooling({ name: "pool", kind }), x);
  const head = new Linear({
    name: "head",
    outputs: numClasses,
    seed: seedOf(seed, -1),
  });
  return madeBy(
    "lionViT",
    options,
    modelOf("lion_vit", [images], connect(head, x)),
  );
}
