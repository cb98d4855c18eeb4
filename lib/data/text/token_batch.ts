/** Batches of tokens, for classification and for causal language models. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertAllocatable,
  assertBoolean,
  assertInteger,
  assertOptions,
  IGNORE_INDEX,
  optionsOf,
  shown,
} from "@lionjs/base";
import { integers, LARGEST_INTEGER } from "../batches/integers.ts";
import { inRows, packSequences } from "./pack_sequences.ts";
import {
  assertSequences,
  longestOf,
  PAD_OPTIONS,
  padded,
  padTokens,
  type PadTokensOptions,
} from "./pad_tokens.ts";
import type { Batch, Collate } from "../batches/stream.ts";
import {
  areClassified,
  type ClassifiedTokens,
  type LabelledTokens,
  typesOf,
} from "./token_examples.ts";

export { IGNORE_INDEX };

/** Options of packing, for functions that make batches. */
export interface PackOptions {
  /**
   * Whether the examples of a batch are packed into as few rows of `length`
   * tokens as {@linkcode packSequences} needs, with `segments` as last input.
   * The loss and its gradient are the same as with one row per example.
   * @default false
   */
  packed?: boolean | undefined;
}

/** Options of token types, for functions that make batches. */
export interface TokenTypesOptions {
  /**
   * Whether the input after `mask` is the tokens' types, for a model with token
   * types, like `lionBert` by default. Examples without types get 0.
   * @default false
   */
  tokenTypes?: boolean | undefined;
}

/** Options of {@linkcode collateTokens}. */
export interface CollateTokensOptions
  extends PadTokensOptions, PackOptions, TokenTypesOptions {
  /**
   * Maximum number of packed examples per row; for examples with a class, the
   * model's `maxSegments`.
   */
  maxSegments?: number | undefined;
  /**
   * Whether an example's label is a number to approximate rather than a class.
   * Labels are float32 `[batch, 1]`, for a model with one output and
   * `meanSquaredError`. Such examples cannot be packed.
   * @default false
   */
  regression?: boolean | undefined;
}

const COLLATE_OPTIONS = optionsOf<CollateTokensOptions>()(
  PAD_OPTIONS,
  "packed tokenTypes maxSegments regression",
);

/** Options of {@linkcode collateCausal}. */
export interface CollateCausalOptions extends PackOptions {
  /** Tokens per packed row; longer sequences are truncated. */
  length?: number | undefined;
}

const CAUSAL_OPTIONS = optionsOf<CollateCausalOptions>()("packed length");

/** Returns the length of packed rows, or `undefined` without packing. */
function packedLength(
  { packed = false, length }: PackOptions & { length?: number | undefined },
): number | undefined {
  assertBoolean("packed", packed);
  if (!packed) return undefined;
  if (length !== undefined) return length;
  throw new RangeError(
    "length should say how many tokens a packed row has, got none",
  );
}

/**
 * Makes batches of tokens for `lionEncoder` and `lionBert`: inputs `ids` and
 * `mask`, as from {@linkcode padTokens}; labels, int32, `[batch]` if examples
 * have a class, `[batch, length]` if tokens have labels. With `regression: true`,
 * labels are float32 `[batch, 1]`.
 *
 * With `tokenTypes: true`, for models with token types, the input after them is
 * `types`, int32 `[batch, length]`, 0 at padding.
 *
 * With `packed: true`, for models with `segments: true`, the last input is
 * `segments`, as from {@linkcode packSequences}, and class labels are
 * `[rows, maxSegments]`, -100 where a row has fewer examples.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, collateTokens, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const examples = datasetOf([{ ids: [5, 6], label: 1 }, { ids: [7], label: 0 }]);
 * const batches = batchesInOrder(examples, {
 *   batchSize: 2,
 *   collate: collateTokens({ length: 4 }),
 * });
 * for await (const { inputs: [ids, mask], labels } of batches) {
 *   assertEquals(await ids!.array(), [[5, 6, 0, 0], [7, 0, 0, 0]]);
 *   assertEquals(await labels.array(), [1, 0]);
 *   tf.dispose([ids!, mask!, labels]);
 * }
 * ```
 *
 * @example Pairs of texts, for a model with token types
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, byteTokenizer, collateTokens, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { encodeWithSpecials } = byteTokenizer();
 * const pairs = [["It rains.", "It is wet.", 1], ["It rains.", "It is dry.", 0]] as const;
 * const examples = datasetOf(pairs.map(([text, pair, label]) => ({
 *   ...encodeWithSpecials(text, { pair, length: 128 }), label,
 * })));
 * const batches = batchesInOrder(examples, {
 *   batchSize: 2,
 *   collate: collateTokens({ tokenTypes: true }),
 * });
 * for await (const { inputs: [ids, mask, types], labels } of batches) {
 *   assertEquals(ids!.shape, [2, 22]);
 *   assertEquals((await types!.array() as number[][])[0], [
 *     ...Array(11).fill(0), ...Array(11).fill(1),
 *   ]);
 *   tf.dispose([ids!, mask!, types!, labels]);
 * }
 * ```
 *
 * @example Packed into rows of four tokens
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, collateTokens, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const examples = datasetOf([
 *   { ids: [5, 6, 7], label: 1 }, { ids: [8, 9], label: 0 }, { ids: [4], label: 2 },
 * ]);
 * const batches = batchesInOrder(examples, {
 *   batchSize: 3,
 *   collate: collateTokens({ length: 4, packed: true, maxSegments: 3 }),
 * });
 * for await (const { inputs: [ids, mask, segments], labels } of batches) {
 *   assertEquals(await ids!.array(), [[5, 6, 7, 4], [8, 9, 0, 0]]);
 *   assertEquals(await segments!.array(), [[1, 1, 1, 2], [1, 1, 0, 0]]);
 *   assertEquals(await labels.array(), [[1, 2, -100], [0, -100, -100]]);
 *   tf.dispose([ids!, mask!, segments!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateTokensOptions}. A fixed `length` keeps a
 * GPU from compiling shaders for each length.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option is invalid, or missing although examples
 * are packed.
 */
export function collateTokens(
  options: CollateTokensOptions = {},
): Collate<ClassifiedTokens | LabelledTokens> {
  assertOptions("collateTokens", options, COLLATE_OPTIONS);
  const { length = 1, pad = 0, maxSegments, tokenTypes = false } = options;
  const { regression = false } = options;
  assertInteger("length", length, 1);
  assertInteger("pad", pad, 0, LARGEST_INTEGER);
  assertBoolean("tokenTypes", tokenTypes);
  assertBoolean("regression", regression);
  const packing = packedLength(options);
  if (packing && regression) {
    throw new RangeError(
      "regression is for examples that are not packed, got packed: true",
    );
  }
  if (maxSegments !== undefined) {
    assertInteger("maxSegments", maxSegments, 1);
    if (!packing) {
      throw new RangeError(
        `maxSegments is for examples that are packed, got ${maxSegments} without packed: true`,
      );
    }
  }
  if (packing) {
    return wholeOrNone((examples) => packedBatch(examples, packing, options));
  }
  return wholeOrNone((examples) => {
    const classified = areClassified(examples);
    if (regression && !classified) {
      throw new TypeError(
        "examples for regression should have a label, a number, got labels of tokens",
      );
    }
    const ofExamples = classified
      ? checkedLabels(examples.map(({ label }) => label), regression)
      : undefined;
    const types = tokenTypes ? typesOf(examples) : undefined;
    const { ids, mask } = padTokens(examples.map(({ ids }) => ids), {
      length: options.length,
      pad,
    });
    const [, width] = ids.shape;
    const inputs: tf.Tensor[] = [ids, mask];
    if (types) inputs.push(padded("types", types, width, 0));
    const labels = ofExamples
      ? regression
        ? tf.tensor2d(ofExamples, [ofExamples.length, 1], "float32")
        : tf.tensor1d(ofExamples, "int32")
      : padded(
        "labels",
        (examples as LabelledTokens[]).map(({ labels }) => labels),
        width,
        IGNORE_INDEX,
      );
    return { inputs, labels, size: examples.length };
  });
}

/** Wraps a function that makes batches, so that no tensor is left if it throws. */
function wholeOrNone<E>(collate: Collate<E>): Collate<E> {
  return (...given) =>
    tf.tidy(() => {
      const { inputs, labels, size } = collate(...given);
      return { inputs: [...inputs], labels, size };
    });
}

/** Throws unless labels are classes or, for regression, numbers; returns them. */
function checkedLabels(labels: number[], regression: boolean): number[] {
  if (!regression) return integers("labels", labels);
  // A number too large for float32 would become infinite in a tensor.
  const place = labels.findIndex((label) =>
    typeof label !== "number" || !Number.isFinite(Math.fround(label))
  );
  if (place < 0) return labels;
  throw new RangeError(
    `labels for regression should be finite numbers, as float32, got ${
      shown(labels[place])
    } at ${place}`,
  );
}

/** Makes a batch with several examples per row. */
function packedBatch(
  examples: readonly (ClassifiedTokens | LabelledTokens)[],
  length: number,
  { maxSegments, pad = 0, tokenTypes = false }: CollateTokensOptions,
): Batch {
  const classified = areClassified(examples);
  const types = tokenTypes ? typesOf(examples) : undefined;
  const { rows, ids, mask, segments } = packSequences(
    examples.map(({ ids }) => ids),
    { length, pad, maxSegments },
  );
  const inputs: tf.Tensor[] = [ids, mask];
  if (types) inputs.push(inRows("types", rows, types, { length, fill: 0 }));
  inputs.push(segments);
  const size = examples.length;
  if (!classified) {
    const ofTokens = (examples as LabelledTokens[]).map(
      ({ ids, labels }, i) => {
        if (labels.length === ids.length) return labels;
        throw new RangeError(
          `labels should be one for each of the ${ids.length} tokens of a ` +
            `packed example, got ${labels.length} at ${i}`,
        );
      },
    );
    const labels = inRows("labels", rows, ofTokens, {
      length,
      fill: IGNORE_INDEX,
    });
    return { inputs, labels, size };
  }
  if (maxSegments === undefined) {
    throw new RangeError(
      "maxSegments should be the largest number of packed examples in a row, " +
        "as in the model, got none",
    );
  }
  assertAllocatable({ rows: rows.length, maxSegments });
  const ofRows = rows.map((row) => row.map((i) => examples[i]!.label));
  const labels = padded("labels", ofRows, maxSegments, IGNORE_INDEX);
  return { inputs, labels, size };
}

/**
 * Makes batches for `lionGpt`: input `ids`, int32 `[batch, length - 1]`, all
 * tokens of each sequence except the last; labels, the tokens after them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, collateCausal, datasetOf, packTokens } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sequences = packTokens([[5, 6, 7]], { length: 4, separator: 3 });
 * const batches = batchesInOrder(datasetOf(sequences), {
 *   batchSize: 1,
 *   collate: collateCausal(),
 * });
 * for await (const { inputs: [ids], labels } of batches) {
 *   assertEquals(await ids!.array(), [[5, 6, 7]]);
 *   assertEquals(await labels.array(), [[6, 7, 3]]);
 *   tf.dispose([ids!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateCausalOptions}: with `packed: true`, for
 * a model with `segments: true`, the inputs are `ids` and `segments`,
 * `[rows, length]`, from whole documents without separators; a document of a
 * single token has no next one and is left out.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`. Shorter
 * sequences are padded, and padding does not count in the loss.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If `length` is invalid, or missing although sequences
 * are packed.
 */
export function collateCausal(
  options: CollateCausalOptions = {},
): Collate<ArrayLike<number>> {
  assertOptions("collateCausal", options, CAUSAL_OPTIONS);
  const packing = packedLength(options);
  if (options.length !== undefined) {
    assertInteger("length", options.length, 1);
    if (!packing) {
      throw new RangeError(
        `length is for sequences that are packed, got ${options.length} without packed: true`,
      );
    }
  }
  return wholeOrNone((sequences) => {
    assertSequences("a batch's examples, ids,", sequences);
    const all = sequences.map((ids) => Array.from(ids));
    const length = longestOf(all) - 1;
    if (length < 1) {
      throw new RangeError(
        `a batch should have a sequence with at least two tokens, got ${all.length} with at most ${
          length + 1
        }; leave out texts that are empty or one token`,
      );
    }
    if (packing) {
      const examples = all.filter(({ length }) => length > 1).map((ids) => ({
        ids: ids.slice(0, -1),
        labels: ids.slice(1),
      }));
      const batch = packedBatch(examples, packing, {});
      const [ids, mask, segments] = batch.inputs;
      mask!.dispose();
      return { ...batch, inputs: [ids!, segments!] };
    }
    return {
      inputs: [padded("ids", all.map((ids) => ids.slice(0, -1)), length, 0)],
      labels: padded(
        "labels",
        all.map((ids) => ids.slice(1)),
        length,
        IGNORE_INDEX,
      ),
      size: all.length,
    };
  });
}
