import {
  input,
  type LayersModel,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import type { AttentionOptions } from "../layers/attention.ts";
import { Linear } from "../layers/linear.ts";
import { Normalization } from "../layers/normalization.ts";
import { TokenPooling } from "../layers/tokens.ts";
import { tokenEmbedding } from "../layers/token_embedding.ts";
import {
  assertStack,
  connect,
  idsInput,
  maskInput,
  modelOf,
  seedOf,
  stack,
} from "./graph.ts";

/** Options of {@linkcode lionEncoder}. */
export interface LionEncoderOptions
  extends Omit<AttentionOptions, "grid" | "classToken"> {
  /** Tokens that there are; the input is then `ids`, `[batch, length]`. */
  vocabularySize?: number;
  /** Columns of the input where it is numbers: `values`, `[batch, length, inputDim]`. */
  inputDim?: number;
  /** Columns of a token. */
  dim: number;
  /** Blocks. */
  depth: number;
  /** Hidden columns of a block, as a multiple of `dim`. @default 4 */
  mlpRatio?: number;
  /** Positions of tokens that have a vector of their own; 0 for none. @default 0 */
  maxLength?: number;
  /** Columns of the output. */
  numClasses: number;
  /** An output for each sequence, from the mean of its tokens, or for each token. @default "mean" */
  output?: "mean" | "tokens";
  /** How often training leaves a part out of the last block; earlier ones less. @default 0 */
  dropPath?: number;
  /** Added to the variance by normalisations. @default 1e-6 */
  epsilon?: number;
  /** Of the first values of the parameters. @default another one each time */
  seed?: number;
}

/**
 * An encoder for long sequences: tokens or numbers to logits `[batch,
 * numClasses]`, or `[batch, length, numClasses]`. Its second input is `mask`,
 * `[batch, length]`: 1 for a token, 0 for padding.
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
 * @param options See {@linkcode LionEncoderOptions}.
 * @returns The model.
 * @throws {RangeError} If an option has an impossible value.
 */
export function lionEncoder(options: LionEncoderOptions): LayersModel {
  const {
    vocabularySize,
    inputDim,
    maxLength = 0,
    numClasses,
    output = "mean",
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
  if (output !== "mean" && output !== "tokens") {
    throw new RangeError(
      `output should be "mean" or "tokens", got ${JSON.stringify(output)}`,
    );
  }
  if (inputDim !== undefined && maxLength > 0) {
    throw new RangeError(
      "maxLength belongs to a vocabularySize; positions of numbers are columns of the input",
    );
  }
  assertStack(block, dim);
  const epsilon = options.epsilon ?? 1e-6;
  const mask = maskInput();
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
      seed: seedOf(seed, -3),
    });
    [x] = embedding.apply(tokens) as [SymbolicTensor];
  } else {
    const project = new Linear({
      name: "embeddings",
      outputs: dim,
      seed: seedOf(seed, -3),
    });
    x = connect(project, tokens);
  }
  x = stack(
    x,
    mask,
    { ...block, seed, epsilon },
    (i) => `blocks.${i}`,
  );
  x = connect(new Normalization({ name: "norm", epsilon }), x);
  if (output === "mean") {
    x = connect(new TokenPooling({ name: "pool", kind: "mean" }), [x, mask]);
  }
  const head = new Linear({
    name: "head",
    outputs: numClasses,
    seed: seedOf(seed, -1),
  });
  return modelOf("lion_encoder", [tokens, mask], connect(head, x));
}
