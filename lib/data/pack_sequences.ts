import type * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertInteger } from "./assert_integer.ts";
import { LARGEST_INTEGER } from "./integers.ts";
import { padded } from "./pad_tokens.ts";

/** Options of {@linkcode packSequences}. */
export interface PackSequencesOptions {
  /** Tokens of a row; longer sequences are cut. */
  length: number;
  /** Sequences of a row at most. @default as many as there is room for */
  maxSegments?: number;
  /** What fills a row up. @default 0 */
  pad?: number;
}

const OPTIONS: OptionNames<PackSequencesOptions> = {
  length: true,
  maxSegments: true,
  pad: true,
};

/** What {@linkcode packSequences} makes. */
export interface PackedSequences {
  /** Which sequences are in each row, by their places in what was given. */
  readonly rows: readonly (readonly number[])[];
  /** int32 `[rows, length]` */
  readonly ids: tf.Tensor2D;
  /** `[rows, length]`, 1 for a token and 0 for padding, which is at the end. */
  readonly mask: tf.Tensor2D;
  /** int32 `[rows, length]`: 1, 2, … by the sequence, 0 at padding. */
  readonly segments: tf.Tensor2D;
}

/**
 * Sequences one after another in rows of the same length, whole and with as
 * little padding as comes of putting each into the first row that has room for
 * it. With `segments`, no token of a model reads another sequence's.
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
 * @param sequences The ids of each.
 * @param options See {@linkcode PackSequencesOptions}.
 * @returns See {@linkcode PackedSequences}.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option is impossible, there is no sequence, or one
 * has no token.
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
  if (sequences.length === 0) {
    throw new RangeError("sequences should have one to pack, got none");
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

/** Puts each sequence into the first row that has room for it. */
function firstFit(
  sequences: readonly ArrayLike<number>[],
  length: number,
  most: number,
): number[][] {
  const rows: { sequences: number[]; free: number }[] = [];
  sequences.forEach((ids, i) => {
    if (ids.length === 0) {
      throw new RangeError(
        `a sequence to pack should have a token, got none at ${i}`,
      );
    }
    const tokens = Math.min(length, ids.length);
    let row = rows.find(({ sequences, free }) =>
      free >= tokens && sequences.length < most
    );
    if (!row) rows.push(row = { sequences: [], free: length });
    row.sequences.push(i);
    row.free -= tokens;
  });
  return rows.map(({ sequences }) => sequences);
}

/**
 * What each sequence has for its tokens, in rows, int32 `[rows, length]`.
 *
 * @param rows Of {@linkcode packSequences}.
 */
export function inRows(
  name: string,
  rows: PackedSequences["rows"],
  ofTokens: readonly ArrayLike<number>[],
  { length, fill }: { length: number; fill: number },
): tf.Tensor2D {
  const joined = rows.map((row) =>
    row.flatMap((i) => Array.from(ofTokens[i]!).slice(0, length))
  );
  return padded(name, joined, length, fill);
}
