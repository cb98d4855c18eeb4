import {
  assertAllocatable,
  assertInteger,
  assertIterable,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { integers, LARGEST_INTEGER } from "../batches/integers.ts";

/** Options of {@linkcode packTokens}. */
export interface PackTokensOptions {
  /** Tokens per sequence. */
  length: number;
  /** The token after each document, a tokenizer's `specials.sep`. */
  separator: number;
}

const OPTIONS = optionsOf<PackTokensOptions>()("length separator");

/**
 * Concatenates documents, each followed by a separator, and cuts the result
 * into sequences without padding. Tokens left at the end are dropped.
 *
 * Tokens may then attend to other documents; {@linkcode packSequences} keeps
 * documents whole and separate. The result is for {@linkcode collateMasked} or
 * {@linkcode collateCausal}; for the latter, whose labels are the next tokens,
 * `length` is one more than the model's input.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { packTokens } from "@lionjs/lion/data";
 *
 * const sequences = packTokens([[7, 8], [9], [10]], { length: 3, separator: 3 });
 * assertEquals(sequences.map((ids) => [...ids]), [[7, 8, 3], [9, 3, 10]]);
 * ```
 *
 * @param documents The ids of each document.
 * @param options See {@linkcode PackTokensOptions}.
 * @returns Sequences of `length` ids.
 * @throws {RangeError} If an option is invalid, an id is not an integer of 32
 * bits, or the documents do not fill a sequence.
 */
export function packTokens(
  documents: Iterable<readonly number[]>,
  options: PackTokensOptions,
): Int32Array[] {
  assertOptions("packTokens", options, OPTIONS);
  const { length, separator } = options;
  assertInteger("length", length, 1);
  assertAllocatable({ length });
  assertIterable("packTokens's documents", documents);
  assertInteger("separator", separator, 0, LARGEST_INTEGER);
  const sequences: Int32Array[] = [];
  let sequence = new Int32Array(length);
  let filled = 0;
  const add = (id: number) => {
    sequence[filled++] = id;
    if (filled < length) return;
    sequences.push(sequence);
    sequence = new Int32Array(length);
    filled = 0;
  };
  for (const ids of documents) {
    integers("documents", ids).forEach(add);
    add(separator);
  }
  if (sequences.length > 0) return sequences;
  throw new RangeError(
    `documents should fill a sequence of ${length} tokens, got ${filled} with separators`,
  );
}
