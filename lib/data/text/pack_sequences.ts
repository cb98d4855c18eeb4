/** Packing of sequences into rows, where each is a segment. @module */
import { assertInteger, assertOptions, optionsOf } from "@lionjs/base";
import type * as tf from "@tensorflow/tfjs-core";
import { LARGEST_INTEGER } from "../batches/integers.ts";
import { assertSequences, padded } from "./pad_tokens.ts";

/** Options of {@linkcode packSequences}. */
export interface PackSequencesOptions {
  /** Tokens per row; longer sequences are truncated. */
  length: number;
  /** Maximum number of sequences per row. @default as many as fit */
  maxSegments?: number | undefined;
  /** Id of padding. @default 0 */
  pad?: number | undefined;
}

const OPTIONS = optionsOf<PackSequencesOptions>()("length maxSegments pad");

/** The result of {@linkcode packSequences}. */
export interface PackedSequences {
  /** The sequences in each row, by their indices in the argument. */
  readonly rows: readonly (readonly number[])[];
  /** The token ids, int32 `[rows, length]`. */
  readonly ids: tf.Tensor2D;
  /** The padding mask, `[rows, length]`: 1 for a token, 0 for padding, which is at the end. */
  readonly mask: tf.Tensor2D;
  /** The segments, int32 `[rows, length]`: 1, 2, … for the sequences, 0 for padding. */
  readonly segments: tf.Tensor2D;
}

/**
 * Packs whole sequences into rows of equal length, each into the first row with
 * room for it, which leaves little padding. In a model with `segments`,
 * sequences do not attend to each other.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { packSequences } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sequences = [[5, 6, 7], [8, 9], [4]];
 * const { rows, ids, mask, segments } = packSequences(sequences, { length: 4 });
 * assertEquals(rows, [[0, 2], [1]]);
 * assertEquals(await ids.array(), [[5, 6, 7, 4], [8, 9, 0, 0]]);
 * assertEquals(await mask.array(), [[1, 1, 1, 1], [1, 1, 0, 0]]);
 * assertEquals(await segments.array(), [[1, 1, 1, 2], [1, 1, 0, 0]]);
 * ```
 *
 * @param sequences The ids of each sequence.
 * @param options See {@linkcode PackSequencesOptions}.
 * @returns See {@linkcode PackedSequences}.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option is invalid, there is no sequence, or one
 * has no tokens.
 */
export function packSequences(
  sequences: readonly ArrayLike<number>[],
  options: PackSequencesOptions,
): PackedSequences {
  assertOptions("packSequences", options, OPTIONS);
  const { length, maxSegments, pad = 0 } = options;
  assertInteger("length", length, 1);
  if (maxSegments !== undefined) assertInteger("maxSegments", maxSegments, 1);
  assertInteger("pad", pad, 0, LARGEST_INTEGER);
  assertSequences("packSequences's sequences", sequences);
  if (sequences.length === 0) {
    throw new RangeError("sequences should not be empty, got none to pack");
  }
  const rows = firstFit(sequences, length, maxSegments ?? length);
  const each = (numberOf: (place: number) => number) =>
    rows.map((row) =>
      row.flatMap((i, place) => {
        const tokens = Math.min(length, sequences[i]!.length);
        return Array<number>(tokens).fill(numberOf(place));
      })
    );
  return {
    rows,
    ids: inRows("ids", rows, sequences, { length, fill: pad }),
    mask: padded("mask", each(() => 1), length, 0, "float32"),
    segments: padded("segments", each((place) => place + 1), length, 0),
  };
}

/** Puts each sequence into the first row with room for it. */
function firstFit(
  sequences: readonly ArrayLike<number>[],
  length: number,
  most: number,
): number[][] {
  const rows: number[][] = [];
  const room = new Room(sequences.length, length);
  sequences.forEach((ids, i) => {
    if (ids.length === 0) {
      throw new RangeError(
        `a sequence to pack should have at least one token, got none at ${i}`,
      );
    }
    const tokens = Math.min(length, ids.length);
    const place = room.first(tokens);
    const row = rows[place] ??= [];
    row.push(i);
    room.take(place, row.length < most ? tokens : length);
  });
  return rows;
}

/**
 * How many tokens have room in each of some rows, and in the best row of each half,
 * quarter and so on of them. So the first row with room is found in logarithmic time.
 */
class Room {
  /**
   * A binary tree of the most room: of all rows at 1, of the halves at 2 and 3,
   * of each row at the end.
   */
  readonly #most: Float64Array;
  readonly #rows: number;

  /** Makes `count` empty rows of `length` tokens. */
  constructor(count: number, length: number) {
    this.#rows = 2 ** Math.ceil(Math.log2(count));
    this.#most = new Float64Array(2 * this.#rows).fill(length);
  }

  /** The first row with room for some tokens; some row must have it. */
  first(tokens: number): number {
    let at = 1;
    while (at < this.#rows) {
      at *= 2;
      if (this.#most[at]! < tokens) at++;
    }
    return at - this.#rows;
  }

  /** Takes room for some tokens from a row, at most all of it. */
  take(row: number, tokens: number): void {
    let at = this.#rows + row;
    this.#most[at] = Math.max(0, this.#most[at]! - tokens);
    for (at >>= 1; at > 0; at >>= 1) {
      this.#most[at] = Math.max(this.#most[2 * at]!, this.#most[2 * at + 1]!);
    }
  }
}

/** Arranges each sequence's values per token in rows, int32 `[rows, length]`. */
export function inRows(
  name: string,
  rows: PackedSequences["rows"],
  ofTokens: readonly ArrayLike<number>[],
  { length, fill }: { length: number; fill: number },
): tf.Tensor2D {
  const values = rows.map((row) =>
    row.flatMap((i) => Array.from(ofTokens[i]!).slice(0, length))
  );
  return padded(name, values, length, fill);
}
