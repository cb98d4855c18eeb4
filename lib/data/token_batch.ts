import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertInteger } from "./assert_integer.ts";
import type { Collate } from "./stream.ts";

/**
 * The label of what losses and metrics do not count, as in PyTorch.
 *
 * @example Only the second token has to be told
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type LabelledTokens, NOT_COUNTED } from "@lionjs/lion/data";
 *
 * const example: LabelledTokens = { ids: [1, 2], labels: [NOT_COUNTED, 7] };
 * assertEquals(example.labels[0], -100);
 * ```
 */
export const NOT_COUNTED: number = -100;

/** A sequence of tokens of a class. */
export interface ClassifiedTokens {
  /** Of the tokens. */
  readonly ids: ArrayLike<number>;
  /** The class. */
  readonly label: number;
}

/** A sequence of tokens, each with a label. */
export interface LabelledTokens {
  /** Of the tokens. */
  readonly ids: ArrayLike<number>;
  /** Of the tokens; -100: not counted. */
  readonly labels: ArrayLike<number>;
}

/** Options of {@linkcode padTokens} and {@linkcode collateTokens}. */
export interface PadTokensOptions {
  /** Of the sequences: longer ones are cut. @default of the longest one */
  length?: number;
  /** What fills a sequence up. @default 0 */
  pad?: number;
}

const PAD_OPTIONS: OptionNames<PadTokensOptions> = { length: true, pad: true };

/**
 * Sequences of different lengths as one tensor, and which tokens are theirs.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { padTokens } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { ids, mask } = padTokens([[5, 6, 7], [8]]);
 * assertEquals(await ids.array(), [[5, 6, 7], [8, 0, 0]]);
 * assertEquals(await mask.array(), [[1, 1, 1], [1, 0, 0]]);
 * ```
 *
 * @param sequences The ids of each.
 * @param options See {@linkcode PadTokensOptions}.
 * @returns `ids`, int32 `[batch, length]`, and `mask` of that shape: 1 for a
 * token, 0 for padding.
 * @throws {RangeError} If `length` is impossible.
 */
export function padTokens(
  sequences: readonly ArrayLike<number>[],
  options: PadTokensOptions = {},
): { ids: tf.Tensor2D; mask: tf.Tensor2D } {
  assertOptions("padTokens", options, PAD_OPTIONS);
  const longest = Math.max(...sequences.map((ids) => ids.length));
  const { length = longest, pad = 0 } = options;
  assertInteger("length", length, 1);
  assertInteger("pad", pad, 0, MOST);
  return {
    ids: padded("ids", sequences, length, pad),
    mask: padded(
      "mask",
      sequences.map((ids) => new Uint8Array(ids.length).fill(1)),
      length,
      0,
      "float32",
    ),
  };
}

/**
 * Makes batches of tokens for `lionEncoder`, and for `lionBert` without token
 * types: inputs `ids` and `mask`, as {@linkcode padTokens} has them; labels,
 * int32, `[batch]` where an example has a class, and `[batch, length]` where
 * each token has a label.
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
 * @param options See {@linkcode PadTokensOptions}. A `length` keeps a GPU from
 * compiling for each length anew.
 * @returns For `shuffledBatches` and `batchesInOrder`.
 * @throws {RangeError} If `length` is impossible.
 */
export function collateTokens(
  options: PadTokensOptions = {},
): Collate<ClassifiedTokens | LabelledTokens> {
  assertOptions("collateTokens", options, PAD_OPTIONS);
  const { length = 1, pad = 0 } = options;
  assertInteger("length", length, 1);
  assertInteger("pad", pad, 0, MOST);
  return (examples) => {
    const { ids, mask } = padTokens(examples.map(({ ids }) => ids), options);
    const labels = "label" in examples[0]!
      ? tf.tensor1d(
        integers(
          "labels",
          (examples as ClassifiedTokens[]).map(({ label }) => label),
        ),
        "int32",
      )
      : padded(
        "labels",
        (examples as LabelledTokens[]).map(({ labels }) => labels),
        ids.shape[1],
        NOT_COUNTED,
      );
    return { inputs: [ids, mask], labels, size: examples.length };
  };
}

/**
 * Makes batches for `lionGpt`: input `ids`, all but the last of each sequence,
 * int32 `[batch, length - 1]`; labels, the tokens after them.
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
 * @returns For `shuffledBatches` and `batchesInOrder`. Shorter sequences are
 * filled up, and that is not counted.
 */
export function collateCausal(): Collate<ArrayLike<number>> {
  return (sequences) => {
    const all = sequences.map((ids) => Array.from(ids));
    const length = Math.max(...all.map((ids) => ids.length)) - 1;
    return {
      inputs: [padded("ids", all.map((ids) => ids.slice(0, -1)), length, 0)],
      labels: padded(
        "labels",
        all.map((ids) => ids.slice(1)),
        length,
        NOT_COUNTED,
      ),
      size: all.length,
    };
  };
}

/** The largest int32. */
const MOST = 2 ** 31 - 1;

/**
 * Integers as they are: an array of int32 would make 0 of NaN and 1 of 1.5.
 *
 * @throws {RangeError} If one is no int32.
 */
function integers<T extends ArrayLike<number>>(name: string, values: T): T {
  if (values instanceof Int32Array) return values;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if ((value | 0) === value) continue;
    throw new RangeError(
      `${name} should be integers of 32 bits, got ${value} at ${i}`,
    );
  }
  return values;
}

function padded(
  name: string,
  rows: readonly ArrayLike<number>[],
  length: number,
  fill: number,
  dtype: "int32" | "float32" = "int32",
): tf.Tensor2D {
  const values = new (dtype === "int32" ? Int32Array : Float32Array)(
    rows.length * length,
  ).fill(fill);
  rows.forEach((row, i) => {
    integers(name, row);
    for (let j = 0; j < Math.min(length, row.length); j++) {
      values[i * length + j] = row[j]!;
    }
  });
  return tf.tensor2d(values, [rows.length, length], dtype);
}
