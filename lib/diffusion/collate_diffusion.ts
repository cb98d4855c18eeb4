/** Batches for masked diffusion, in which a random number of tokens is hidden. @module */
import {
  assertBoolean,
  assertInteger,
  assertOptions,
  IGNORE_INDEX,
  optionsOf,
} from "@lionjs/base";
import { below, type Collate, type Random } from "@lionjs/data/batches";
import { padded, padTokens, withTypes } from "@lionjs/data/text";
import {
  assertMaskToken,
  freePlaces,
  type GivenTokens,
} from "./given_tokens.ts";

export type { GivenTokens };

/** Options of {@linkcode collateDiffusion}. */
export interface CollateDiffusionOptions {
  /** The id that stands for a hidden token. */
  maskToken: number;
  /**
   * Tokens per sequence; longer sequences are truncated.
   * @default the length of the longest sequence
   */
  length?: number | undefined;
  /**
   * Whether the shares of hidden tokens are spread evenly over the rows of a
   * batch, which makes the loss vary less; otherwise, each row draws its own.
   * @default true
   */
  lowDiscrepancy?: boolean | undefined;
}

const OPTIONS = optionsOf<CollateDiffusionOptions>()(
  "maskToken length lowDiscrepancy",
);

/**
 * Makes batches for masked diffusion, for models like `lionEncoder` with
 * `output: "tokens"`: inputs `ids` and `mask`, as from `padTokens`, and labels,
 * int32 `[batch, length]`. Of a row's F tokens that are not given, l are replaced
 * by `maskToken`, where l is uniform from 1 to F, and all choices of l tokens are
 * equally likely. Labels are the tokens that were hidden, -100 elsewhere.
 * A sequence is an array of ids, or has `given` as well.
 *
 * With `lowDiscrepancy`, row i of n hides the share u + i / n, modulo 1, of its
 * tokens, rounded up, where u is drawn once per batch: each row's share is still
 * uniform. Sources: Sahoo et al. 2024 (arXiv:2406.07524); Kingma et al. 2021
 * (arXiv:2107.00630), appendix I.1, for the shares.
 *
 * @example A prompt of two tokens is never hidden
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { batchesInOrder, datasetOf } from "@lionjs/lion/data";
 * import { collateDiffusion } from "@lionjs/lion/diffusion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const given = [true, true, false, false];
 * const batches = batchesInOrder(datasetOf([{ ids: [5, 6, 7, 8], given }]), {
 *   batchSize: 1,
 *   collate: collateDiffusion({ maskToken: 9 }),
 * });
 * for await (const { inputs: [ids, mask], labels } of batches) {
 *   const [seen, hidden] = [await ids!.data(), await labels.data()];
 *   assertEquals([...seen.slice(0, 2)], [5, 6]);
 *   assert(seen.includes(9));
 *   seen.forEach((id, i) => assertEquals(id === 9, hidden[i] !== -100));
 *   tf.dispose([ids!, mask!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateDiffusionOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`. It throws a
 * RangeError if `given` is not one for each token, or a token that is not given is
 * the mask.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If `maskToken` or `length` is invalid.
 */
export function collateDiffusion(
  options: CollateDiffusionOptions,
): Collate<ArrayLike<number> | GivenTokens> {
  assertOptions("collateDiffusion", options, OPTIONS);
  const { maskToken, length, lowDiscrepancy = true } = options;
  assertMaskToken(maskToken);
  if (length !== undefined) assertInteger("length", length, 1);
  assertBoolean("lowDiscrepancy", lowDiscrepancy);
  return (sequences, random) => {
    const rows: readonly GivenTokens[] = withTypes(sequences);
    const first = random();
    const hidden = rows.map((row, i) => {
      const share = lowDiscrepancy
        ? (first + i / rows.length) % 1
        : i === 0
        ? first
        : random();
      const free = freePlaces(`the example at ${i}`, row, maskToken)
        .filter((place) => place < (length ?? Infinity));
      return hide(row.ids, free, share, { maskToken, random });
    });
    const inputs = padTokens(hidden.map(({ ids }) => ids), { length });
    const labels = padded(
      "labels",
      hidden.map(({ labels }) => labels),
      inputs.ids.shape[1],
      IGNORE_INDEX,
    );
    return { inputs: [inputs.ids, inputs.mask], labels, size: rows.length };
  };
}

/** Hides a share, from 0 to below 1, of the free places of a row, but one at least. */
function hide(
  ids: ArrayLike<number>,
  free: number[],
  share: number,
  { maskToken, random }: { maskToken: number; random: Random },
): { ids: Int32Array; labels: Int32Array } {
  const seen = Int32Array.from(ids);
  const labels = new Int32Array(ids.length).fill(IGNORE_INDEX);
  const count = Math.min(free.length, Math.floor(share * free.length) + 1);
  for (const place of drawPlaces(free, count, random)) {
    labels[place] = seen[place]!;
    seen[place] = maskToken;
  }
  return { ids: seen, labels };
}

/** Draws some of the places, each choice of as many equally likely; reorders `places`. */
export function drawPlaces(
  places: number[],
  count: number,
  random: Random,
): number[] {
  for (let i = 0; i < count; i++) {
    const j = i + below(places.length - i, random);
    [places[i], places[j]] = [places[j]!, places[i]!];
  }
  return places.slice(0, count);
}
