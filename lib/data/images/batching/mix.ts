/**
 * Mixup and cutmix: each picture of a batch is mixed with the one at the same place
 * from the end, all of them in the same way.
 *
 * @module
 */
import {
  assertFinite,
  assertInteger,
  assertOptions,
  assertShare,
  optionsOf,
} from "@lionjs/base";
import { below, beta, type Random } from "../../batches/random.ts";

/** How the pictures and labels of a batch are mixed. */
export interface MixOptions {
  /**
   * The α of mixup, which adds two pictures, weighted by λ and 1 - λ, with λ
   * from Beta(α, α). 0: no mixup. @default 0.8
   */
  mixup?: number | undefined;
  /**
   * The α of cutmix, which replaces a rectangle of 1 - λ of a picture's pixels,
   * or less at the border, by another picture's. 0: no cutmix. @default 1
   */
  cutmix?: number | undefined;
  /** The probability of cutmix for a batch if both are enabled. @default 0.5 */
  switch?: number | undefined;
  /**
   * The ε of label smoothing: of K classes, the true one gets 1 - ε + ε / K,
   * and each other one ε / K. @default 0.1
   */
  smoothing?: number | undefined;
  /** The number of classes. @default that of the dataset */
  classes?: number | undefined;
}

const OPTIONS = optionsOf<MixOptions>()(
  "mixup cutmix switch smoothing classes",
);

/** {@linkcode MixOptions} with their defaults. */
export type Mix = { readonly [Name in keyof MixOptions]-?: number };

export function mixOf(
  options: MixOptions,
  { classes: known, batchSize }: { classes: number; batchSize: number },
): Mix {
  assertOptions("imageBatches's mix", options, OPTIONS);
  const { mixup = 0.8, cutmix = 1, smoothing = 0.1, classes = known } = options;
  const { switch: switching = 0.5 } = options;
  for (const [name, alpha] of Object.entries({ mixup, cutmix })) {
    assertFinite(`mix's ${name}`, alpha);
    if (alpha >= 0) continue;
    throw new RangeError(`mix's ${name} should be 0 or more, got ${alpha}`);
  }
  assertShare("mix's switch", switching);
  assertShare("mix's smoothing", smoothing);
  assertInteger("mix's classes", classes, 1);
  if (mixup + cutmix > 0 && batchSize % 2 === 1) {
    throw new RangeError(
      `batchSize should be even where pictures are mixed in pairs, by mix, got ${batchSize}`,
    );
  }
  return { mixup, cutmix, switch: switching, smoothing, classes };
}

/**
 * A rectangle of a picture in pixels; `bottom` and `right` are the first ones
 * after it.
 */
export interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** The drawn mixture of one batch: cutmix has a box, and mixup has none. */
export interface DrawnMix {
  /** The share of a picture that is its own. */
  readonly lambda: number;
  readonly box?: Box;
}

/**
 * Draws how a batch is mixed.
 *
 * Source: Zhang et al. 2017 (arXiv:1710.09412), Yun et al. 2019 (arXiv:1905.04899), as
 * timm's `Mixup` of mode `batch` does it.
 */
export function drawMix(
  { mixup, cutmix, switch: switching }: Mix,
  side: number,
  random: Random,
): DrawnMix {
  if (mixup === 0 && cutmix === 0) return { lambda: 1 };
  const isCut = mixup === 0 || (cutmix > 0 && random() < switching);
  if (!isCut) return { lambda: beta(mixup, random) };
  return cutOf(beta(cutmix, random), side, random);
}

/** Draws a box of 1 - λ of a picture's pixels; the returned λ is the share outside its visible part. */
export function cutOf(
  lambda: number,
  side: number,
  random: Random,
): DrawnMix {
  const half = Math.floor(Math.floor(side * Math.sqrt(1 - lambda)) / 2);
  const y = below(side, random), x = below(side, random);
  const box = {
    top: Math.max(0, y - half),
    bottom: Math.min(side, y + half),
    left: Math.max(0, x - half),
    right: Math.min(side, x + half),
  };
  const cut = (box.bottom - box.top) * (box.right - box.left);
  return { lambda: 1 - cut / side ** 2, box };
}

/**
 * Mixes the pictures of a batch, in place.
 *
 * @param pictures `[size, side, side, 3]`, of an even size.
 */
export function mixPictures(
  pictures: Float32Array,
  size: number,
  side: number,
  { lambda, box }: DrawnMix,
): void {
  if (lambda === 1) return;
  const length = pictures.length / size;
  for (let i = 0; i < size / 2; i++) {
    const last = size - 1 - i;
    const one = pictures.subarray(i * length, (i + 1) * length);
    const other = pictures.subarray(last * length, (last + 1) * length);
    if (box) exchange(one, other, side, box);
    else add(one, other, lambda);
  }
}

/** Exchanges a box of two pictures. */
function exchange(
  one: Float32Array,
  other: Float32Array,
  side: number,
  { top, bottom, left, right }: Box,
): void {
  for (let row = top; row < bottom; row++) {
    const start = 3 * (row * side + left), end = 3 * (row * side + right);
    const kept = one.slice(start, end);
    one.set(other.subarray(start, end), start);
    other.set(kept, start);
  }
}

/**
 * Mixes two pictures in place, in single precision: each gets the weight λ in
 * its own place.
 */
function add(one: Float32Array, other: Float32Array, lambda: number): void {
  const own = Math.fround(lambda), others = Math.fround(1 - lambda);
  for (let i = 0; i < one.length; i++) {
    const x = one[i]!, y = other[i]!;
    one[i] = Math.fround(x * own) + Math.fround(y * others);
    other[i] = Math.fround(y * own) + Math.fround(x * others);
  }
}
