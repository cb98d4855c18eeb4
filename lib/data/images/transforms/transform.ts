/** Transforms as plain data: the steps, and checks of them. @module */
import { MOST_PIXELS } from "../pictures/picture.ts";
import { assertFinite, assertInteger, shown } from "@lionjs/base";
import type { Interpolation } from "../pictures/filters.ts";

/** The range of a random number. */
export type Range = readonly [least: number, greatest: number];

/** A random part of a picture, resized to a square, like torchvision's `RandomResizedCrop`. */
export interface RandomResizedCropStep {
  /** The name of the step. */
  readonly step: "randomResizedCrop";
  /** Side of the square in pixels. */
  readonly size: number;
  /** The part's share of the picture's pixels. */
  readonly scale: Range;
  /** The part's width divided by its height. */
  readonly ratio: Range;
  /** The filter that resizes the part. */
  readonly interpolation: Interpolation;
}

/** A random square of a picture with a black border, like torchvision's `RandomCrop`. */
export interface PaddedCropStep {
  /** The name of the step. */
  readonly step: "paddedCrop";
  /** Side of the square in pixels. */
  readonly size: number;
  /** Width of the black border in pixels. */
  readonly padding: number;
}

/** Resizes a picture by its shorter side, like torchvision's `Resize`. */
export interface ResizeStep {
  /** The name of the step. */
  readonly step: "resize";
  /** The shorter side in pixels. */
  readonly size: number;
  /** The filter. */
  readonly interpolation: Interpolation;
}

/**
 * Resizes a picture to a square, whatever its shape, like torchvision's
 * `Resize` with two sides and Hugging Face's ViT processor.
 */
export interface SquareStep {
  /** The name of the step. */
  readonly step: "square";
  /** Side of the square in pixels. */
  readonly size: number;
  /** The filter. */
  readonly interpolation: Interpolation;
}

/** Cuts out the square in the middle, like torchvision's `CenterCrop`. */
export interface CentreCropStep {
  /** The name of the step. */
  readonly step: "centreCrop";
  /** Side of the square in pixels. */
  readonly size: number;
}

/** Mirrors left and right at random. */
export interface FlipStep {
  /** The name of the step. */
  readonly step: "flip";
  /** The probability of the step. */
  readonly probability: number;
}

/** Applies random operations, like timm's `RandAugment`; `applyOperation` applies one. */
export interface RandAugmentStep {
  /** The name of the step. */
  readonly step: "randAugment";
  /** Number of operations drawn, each from all of them. */
  readonly count: number;
  /** The probability that a drawn operation is applied. */
  readonly probability: number;
  /** Mean of the magnitudes, from 0 to 10. */
  readonly magnitude: number;
  /** Standard deviation of the magnitudes, which are clipped to 0–10. */
  readonly deviation: number;
  /** The interpolation of pixels. */
  readonly interpolation: "bicubic" | "bilinear";
  /** The colour of empty areas: red, green and blue, 0–255. */
  readonly fill: readonly [red: number, green: number, blue: number];
}

/**
 * Fills a rectangle with noise of mean 0 and deviation 1 after normalisation,
 * like timm's `RandomErasing` in mode `pixel`.
 */
export interface EraseStep {
  /** The name of the step. */
  readonly step: "erase";
  /** The probability of the step. */
  readonly probability: number;
  /** The rectangle's share of the picture's pixels. */
  readonly area: Range;
  /** The rectangle's height divided by its width. */
  readonly ratio: Range;
}

/** One step of a {@linkcode Transform}. */
export type TransformStep =
  | RandomResizedCropStep
  | PaddedCropStep
  | ResizeStep
  | SquareStep
  | CentreCropStep
  | FlipStep
  | RandAugmentStep
  | EraseStep;

/**
 * The steps that turn a picture into a square. They are plain data, which can
 * be sent to workers and identify a run.
 */
export type Transform = readonly TransformStep[];

const SQUARES = new Set<unknown>([
  ...["randomResizedCrop", "paddedCrop", "centreCrop", "square"],
]);

/** Side of the squares that a transform makes. */
export function sideOf(transform: Transform): number {
  if (!Array.isArray(transform)) {
    throw new TypeError(
      `transform should be a list of steps, such as trainTransform({ size: 224 }), got ${
        shown(transform)
      }`,
    );
  }
  for (const step of transform.toReversed() as Transform) {
    if (
      SQUARES.has(Object(step).step)
    ) return (step as SquareStep).size;
  }
  throw new RangeError(
    'transform should have a step that makes squares, such as { step: "centreCrop", size: 224 }; evalTransform({ size: 224 }) has',
  );
}

/** Throws unless a value is the range of a random number above 0. */
export function assertRange(name: string, range: Range, most: number): void {
  const given: unknown = range;
  if (!Array.isArray(given) || given.length !== 2) {
    throw new TypeError(
      `${name} should be two numbers, the least and the greatest, got ${
        shown(given)
      }`,
    );
  }
  for (const value of range) assertFinite(name, value);
  const [least, greatest] = range;
  if (least > 0 && least <= greatest && greatest <= most) return;
  throw new RangeError(
    `${name} should be two numbers above 0${
      most === Infinity ? "" : ` and up to ${most}`
    }, the lesser first, got [${range.join(", ")}]`,
  );
}

/** The longest side of a square that has no more pixels than a picture may have. */
const LONGEST_SIDE = Math.floor(Math.sqrt(MOST_PIXELS));

/** Throws unless a value is the side of a square in pixels. */
export function assertSide(name: string, side: number): void {
  assertInteger(name, side, 1, LONGEST_SIDE);
}
