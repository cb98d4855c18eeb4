/** Padding of sequences of tokens to one length. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertAllocatable,
  assertInteger,
  assertList,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import {
  assertNumbers,
  integers,
  LARGEST_INTEGER,
} from "../batches/integers.ts";

/** Options of {@linkcode padTokens}. */
export interface PadTokensOptions {
  /**
   * Tokens per sequence; longer sequences are truncated.
   * @default the length of the longest sequence
   */
  length?: number | undefined;
  /** Id of padding. @default 0 */
  pad?: number | undefined;
}

/** The names of the options of {@linkcode padTokens}. */
export const PAD_OPTIONS = optionsOf<PadTokensOptions>()("length pad");

/**
 * Pads sequences of different lengths to one tensor, and returns the mask.
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
 * @param sequences The ids of each sequence.
 * @param options See {@linkcode PadTokensOptions}.
 * @returns `ids`, int32 `[batch, length]`, and `mask` of that shape: 1 for a
 * token, 0 for padding.
 * @throws {TypeError} If the sequences are not an array, or an option is
 * unknown.
 * @throws {RangeError} If `length` is invalid, or missing although no sequence
 * has a token.
 */
export function padTokens(
  sequences: readonly ArrayLike<number>[],
  options: PadTokensOptions = {},
): { ids: tf.Tensor2D; mask: tf.Tensor2D } {
  assertOptions("padTokens", options, PAD_OPTIONS);
  assertSequences("padTokens's sequences", sequences);
  const longest = longestOf(sequences);
  const { length = longest, pad = 0 } = options;
  if (options.length === undefined && !(longest > 0)) {
    throw new RangeError(
      `sequences should have at least one with a token, got ${sequences.length} that are empty; leave out empty texts, or pass a length`,
    );
  }
  assertInteger("length", length, 1);
  assertInteger("pad", pad, 0, LARGEST_INTEGER);
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

/** Throws unless a value is an array of lists of ids, which are checked where they are read. */
export function assertSequences(
  name: string,
  sequences: readonly ArrayLike<number>[],
): void {
  assertList(name, sequences);
  for (let i = 0; i < sequences.length; i++) {
    assertNumbers(`${name}, at ${i},`, sequences[i]!);
  }
}

/** The length of the longest of some sequences, which may be millions. */
export function longestOf(sequences: readonly ArrayLike<number>[]): number {
  return sequences.reduce((most, { length }) => Math.max(most, length), 0);
}

/** Pads or truncates rows to one length. */
export function padded(
  name: string,
  rows: readonly ArrayLike<number>[],
  length: number,
  fill: number,
  dtype: "int32" | "float32" = "int32",
): tf.Tensor2D {
  assertAllocatable({ [`the rows of ${name}`]: rows.length, length });
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
