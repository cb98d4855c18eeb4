/** Repeated augmentation, and the division of an epoch's images among ranks. @module */
import { assertInteger, shown } from "@lionjs/base";

/** How the images of an epoch are repeated and divided among ranks. */
export interface Dealing {
  /** The number of consecutive copies of each image. */
  readonly repeats: number;
  readonly rank: number;
  /** The number of ranks, to which images are dealt in turn. */
  readonly ranks: number;
}

/**
 * The number of which an epoch of repeated images is a multiple, as in the
 * reference code.
 */
const ROUND = 256;

/** Checks the options of dealing, and fills in the defaults. */
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
 * The image at a place of a rank's share: its place in the epoch's order, and
 * the number of its copy.
 */
export function dealt(
  place: number,
  { repeats, rank, ranks }: Dealing,
): { readonly place: number; readonly copy: number } {
  const ofAll = place * ranks + rank;
  return { place: Math.floor(ofAll / repeats), copy: ofAll % repeats };
}
