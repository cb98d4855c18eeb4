/** Repeated augmentation, and what each rank gets of an epoch. @module */
import { assertInteger } from "../../../base/values.ts";
import { shown } from "../../../base/shown.ts";

/** How the images of an epoch are repeated and dealt out. */
export interface Dealing {
  /** How often each image is there, one copy after another. */
  readonly repeats: number;
  readonly rank: number;
  /** The number of ranks, to which images are dealt in turn. */
  readonly ranks: number;
}

/** An epoch of repeated images is a multiple of this many, as in the reference code. */
const ROUND = 256;

/** Checks the options. */
export function dealingOf(
  { repeats = 1, rank, ranks }: {
    readonly [Name in keyof Dealing]?: number | undefined;
  },
): Dealing {
  assertInteger("repeats", repeats, 1);
  if ((rank === undefined) !== (ranks === undefined)) {
    throw new TypeError(
      `rank and ranks should be given together, got rank ${
        shown(rank)
      } and ranks ${shown(ranks)}`,
    );
  }
  if (rank === undefined || ranks === undefined) {
    return { repeats, rank: 0, ranks: 1 };
  }
  assertInteger("ranks", ranks, 1);
  assertInteger("rank", rank, 0, ranks - 1);
  return { repeats, rank, ranks };
}

/**
 * The number of images that a rank gets of an epoch. With copies, an epoch has about as
 * many images as the dataset, so that most of them are not seen in it.
 *
 * Source: Hoffer et al. 2019 (arXiv:1901.09335), as DeiT's `RASampler` does it, which has
 * no images at all of fewer than 256.
 */
export function imagesOfRank(
  size: number,
  { repeats, ranks }: Dealing,
): number {
  const whole = repeats > 1 && size >= ROUND ? size - size % ROUND : size;
  return Math.floor(whole / ranks);
}

/**
 * Where in the epoch's order the image is that a rank has at a place, and which copy of
 * it this is.
 */
export function dealt(
  place: number,
  { repeats, rank, ranks }: Dealing,
): { readonly place: number; readonly copy: number } {
  const ofAll = place * ranks + rank;
  return { place: Math.floor(ofAll / repeats), copy: ofAll % repeats };
}
