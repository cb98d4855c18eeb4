/** Encoders of sequences of vectors, with a head for classes or values. @module */
import {
  input,
  type LayersModel,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import {
  assertBoolean,
  assertOneOf,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import type { Activation } from "../layers/activation.ts";
import type { AttentionOptions } from "../layers/options/attention_options.ts";
import { Linear } from "../layers/linear.ts";
import { Normalization } from "../layers/normalization.ts";
import {
  assertCount,
  assertEmbeddingStd,
  assertNotGiven,
} from "../layers/options/option_values.ts";
import { assertNewNames } from "../layers/options/renamed_options.ts";
import {
  EMBEDDING_STD,
  positionTable,
} from "../layers/embeddings/positions.ts";
import { tokenPooling } from "../layers/embeddings/tokens.ts";
import { tokenEmbedding } from "../layers/embeddings/token_embedding.ts";
import {
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

/** Options of {@linkcode lionEncoder}. */
export interface LionEncoderOptions
  extends
    Omit<AttentionOptions, "grid" | "classToken" | "layer" | "direction"> {
  /**
   * Number of tokens in the vocabulary; the input is then `ids`,
   * `[batch, length]`.
   */
  vocabularySize?: number | undefined;
  /**
   * Columns of numeric input; the input is then `values`,
   * `[batch, length, inputDim]`.
   */
  inputDim?: number | undefined;
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
  /**
   * How many times the blocks are applied, all in turn, with the same weights. A
   * model with more repeats may use the weights of one that was trained with
   * fewer. @default 1
   */
  repeats?: number | undefined;
  /** Hidden width of a block's perceptron, as a multiple of `dim`; 0 for none. @default 4 */
  mlpRatio?: number | undefined;
  /**
   * The perceptrons' activation: exact GELU, or GPT-2's approximation of it.
   * @default "gelu"
   */
  activation?: Activation | undefined;
  /**
   * Number of learned positions, for tokens and numbers alike; no sequence may
   * be longer. 0 for no position embedding, and sequences of any length.
   * @default 0
   */
  maxLength?: number | undefined;
  /** Number of columns of the output. */
  numClasses: number;
  /**
   * The kind of output: one per sequence, from the `"mean"` of its tokens, or
   * one per token. @default "mean"
   */
  output?: "mean" | "tokens" | undefined;
  /**
   * Whether the model has the input `mask`. Without it, all sequences of a batch
   * have the same length, and no padding. @default true
   */
  mask?: boolean | undefined;
  /**
   * The largest number of sequences in a row; required if `segments` packs them
   * and each has an output.
   */
  maxSegments?: number | undefined;
  /**
   * Probability that training skips a sublayer of the last block; smaller in
   * earlier blocks. @default 0
   */
  dropPath?: number | undefined;
  /** Epsilon added to the variance in normalisations. @default 1e-6 */
  epsilon?: number | undefined;
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

const OPTIONS = optionsOf<LionEncoderOptions>()(
  ...MODEL_OPTIONS,
  ENCODER_OPTIONS,
  "order segments maxSegments vocabularySize inputDim maxLength numClasses",
  "output dropPath repeats blockLength mask",
);

/**
 * Makes an encoder for long sequences: it maps tokens or numbers to logits
 * `[batch, numClasses]` or `[batch, length, numClasses]`. Its second input is
 * `mask`, `[batch, length]`: 1 for a token, 0 for padding, which is not read,
 * whatever it holds. A model with `mask: false`, for sequences of one length, has
 * no such input.
 *
 * With `segments: true`, sequences are packed into rows, as `packSequences` of
 * `@lionjs/lion/data` does: the third input is `segments`, `[batch, length]`,
 * positions restart with each sequence, and there is one mean per sequence,
 * with logits `[batch, maxSegments, numClasses]`.
 *
 * **Without positions, an encoder cannot tell a sequence from its reverse**:
 * layers that treat both directions alike, which are all variants except Hydra
 * and Vim, followed by a mean over tokens, return the same for both. A decay
 * tells how far away a token is, not on which side. Where order matters, give it
 * `maxLength`, input columns that encode positions, or `direction: "forward"`.
 *
 * Source: LION (arXiv:2502.16249), Long Range Arena.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 1, variant: "d",
 * });
 * const y = model.predict([tf.ones([3, 20, 2]), tf.ones([3, 20])]) as tf.Tensor;
 * assertEquals(y.shape, [3, 1]);
 * ```
 *
 * @example A sequence and its reverse, without positions and with them
 * ```ts
 * import { assert } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sizes = { inputDim: 1, dim: 8, depth: 1, numHeads: 2, numClasses: 1 };
 * const x = tf.tensor3d([1, 2, 3, 4], [1, 4, 1]), mask = tf.ones([1, 4]);
 * for (const maxLength of [0, 4]) {
 *   const model = lionEncoder({ ...sizes, variant: "s", maxLength, seed: 1 });
 *   const answer = (x: tf.Tensor) => model.predict([x, mask]) as tf.Tensor;
 *   const change = tf.sub(answer(x), answer(tf.reverse(x, 1)));
 *   const [difference] = await tf.abs(change).data();
 *   assert(maxLength === 0 ? difference! < 1e-5 : difference! > 1e-5);
 * }
 * ```
 *
 * @example Sequences packed into rows
 * ```ts
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { packSequences } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 20, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 *   maxLength: 8, segments: true, maxSegments: 2,
 * });
 * const answers = async (sequences: number[][]) => {
 *   const { ids, mask, segments } = packSequences(sequences, { length: 8 });
 *   const logits = model.predict([ids, mask, segments]) as tf.Tensor;
 *   assertEquals(logits.shape, [1, 2, 3]);
 *   return await logits.array() as number[][][];
 * };
 * const [[, second]] = await answers([[4, 5, 6], [7, 8, 9, 10]]) as [number[][]];
 * const [[alone]] = await answers([[7, 8, 9, 10]]) as [number[][]];
 * second!.forEach((logit, i) => assertAlmostEquals(logit, alone![i]!, 1e-5));
 * ```
 *
 * @param options See {@linkcode LionEncoderOptions}.
 * @returns The model.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function lionEncoder(options: LionEncoderOptions): LayersModel {
  assertNewNames("lionEncoder", options, OPTIONS);
  assertOptions("lionEncoder", options, OPTIONS);
  const {
    vocabularySize,
    inputDim,
    maxLength = 0,
    numClasses,
    output = "mean",
    maxSegments,
    mask: isMasked = true,
    embeddingStd = EMBEDDING_STD,
    dim,
    seed,
    ...block
  } = options;
  if ((vocabularySize === undefined) === (inputDim === undefined)) {
    throw new RangeError(
      `lionEncoder should have vocabularySize or inputDim, got ${
        inputDim === undefined ? "neither" : "both"
      }`,
    );
  }
  assertOneOf("output", output, ["mean", "tokens"]);
  assertBoolean("mask", isMasked);
  if (!isMasked && options.segments) {
    throw new RangeError(
      "mask should be left out with segments: true, whose rows have padding, got false",
    );
  }
  assertStack(block, dim);
  const packed = options.segments ?? false;
  assertMaxSegments(maxSegments, packed && output === "mean");
  assertCount("maxLength", maxLength, 0);
  assertCount("numClasses", numClasses);
  assertEmbeddingStd(embeddingStd);
  if (vocabularySize === undefined && maxLength === 0) {
    assertNotGiven(
      { embeddingStd: options.embeddingStd },
      "is for the vectors of tokens and positions, and a model with inputDim has none without maxLength",
    );
  }
  if (inputDim === undefined) assertCount("vocabularySize", vocabularySize!);
  else assertCount("inputDim", inputDim);
  const epsilon = options.epsilon ?? 1e-6;
  const mask = isMasked ? maskInput() : undefined;
  const segments = segmentsInput(packed);
  const tokens = inputDim === undefined
    ? idsInput("ids")
    : input({ shape: [null, inputDim], name: "values" });
  let x: SymbolicTensor;
  if (inputDim === undefined) {
    const embedding = tokenEmbedding({
      name: "embeddings",
      vocabularySize: vocabularySize!,
      dim,
      maxLength,
      segments: packed,
      embeddingStd,
      seed: seedOf(seed, -3),
    });
    const inputs = segments ? [tokens, segments] : tokens;
    [x] = embedding.apply(inputs) as [SymbolicTensor];
  } else {
    const project = new Linear({
      name: "embeddings",
      outputs: dim,
      seed: seedOf(seed, -3),
    });
    x = connect(project, [tokens, mask]);
    if (maxLength > 0) {
      const positions = positionTable({
        name: "position_embeddings",
        maxLength,
        segments: packed,
        embeddingStd,
        seed: seedOf(seed, -2),
      });
      x = connect(positions, [x, segments]);
    }
  }
  x = stack(
    x,
    { mask, segments },
    { ...block, seed, epsilon },
    (i) => `blocks.${i}`,
  );
  x = connect(new Normalization({ name: "norm", epsilon }), x);
  if (output === "mean") {
    const pooling = tokenPooling({
      name: "pool",
      kind: "mean",
      maxSegments,
    });
    x = connect(pooling, [x, mask, segments]);
  }
  const head = new Linear({
    name: "head",
    outputs: numClasses,
    seed: seedOf(seed, -1),
  });
  return madeBy(
    "lionEncoder",
    options,
    modelOf("lion_encoder", [tokens, mask, segments], connect(head, x)),
  );
}
