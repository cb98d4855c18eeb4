import type { Interpolation } from "../pictures/filters.ts";
import { shown } from "../../../contract/shown.ts";

/** The least and the greatest of what is drawn. */
export type Range = readonly [least: number, greatest: number];

/** A random part of a picture, resized to a square, as torchvision's `RandomResizedCrop`. */
export interface RandomResizedCropStep {
  /** Which step this is. */
  readonly step: "randomResizedCrop";
  /** Side of the square in pixels. */
  readonly size: number;
  /** The part's share of the picture's pixels. */
  readonly scale: Range;
  /** The part's width over its height. */
  readonly ratio: Range;
  /** The filter that resizes the part. */
  readonly interpolation: Interpolation;
}

/** A random square of a picture with black around it, as torchvision's `RandomCrop`. */
export interface PaddedCropStep {
  /** Which step this is. */
  readonly step: "paddedCrop";
  /** Side of the square in pixels. */
  readonly size: number;
  /** Pixels of black on each side. */
  readonly padding: number;
}

/** A picture with a shorter side of so many pixels, as torchvision's `Resize`. */
export interface ResizeStep {
  /** Which step this is. */
  readonly step: "resize";
  /** The shorter side in pixels. */
  readonly size: number;
  /** The filter. */
  readonly interpolation: Interpolation;
}

/**
 * A square of so many pixels, whatever the picture's sides are: as torchvision's `Resize`
 * of two sides, and Hugging Face's processor of ViT.
 */
export interface SquareStep {
  /** Which step this is. */
  readonly step: "square";
  /** Side of the square in pixels. */
  readonly size: number;
  /** The filter. */
  readonly interpolation: Interpolation;
}

/** The square in the middle, as torchvision's `CenterCrop`. */
export interface CentreCropStep {
  /** Which step this is. */
  readonly step: "centreCrop";
  /** Side of the square in pixels. */
  readonly size: number;
}

/** Left and right exchanged, or not. */
export interface FlipStep {
  /** Which step this is. */
  readonly step: "flip";
  /** How likely it is. */
  readonly probability: number;
}

/** Operations at random, as timm's `RandAugment`; `applyOperation` does one of them. */
export interface RandAugmentStep {
  /** Which step this is. */
  readonly step: "randAugment";
  /** How many operations are drawn, each of them out of all. */
  readonly count: number;
  /** How likely each of those drawn is done. */
  readonly probability: number;
  /** Mean of the magnitudes, from 0 to 10. */
  readonly magnitude: number;
  /** Standard deviation of the magnitudes, which are cut to 0–10. */
  readonly deviation: number;
  /** How pixels are made that come from between others. */
  readonly interpolation: "bicubic" | "bilinear";
  /** Red, green and blue, 0–255, of what a picture that is moved leaves empty. */
  readonly fill: readonly [red: number, green: number, blue: number];
}

/**
 * A rectangle of noise, drawn for each value with mean 0 and deviation 1, after
 * pictures are normalised: timm's `RandomErasing` of mode `pixel`.
 */
export interface EraseStep {
  /** Which step this is. */
  readonly step: "erase";
  /** How likely it is. */
  readonly probability: number;
  /** The rectangle's share of the picture's pixels. */
  readonly area: Range;
  /** The rectangle's height over its width. */
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
 * What is done to a picture, step by step, until it is a square: plain data, so that
 * it goes to workers, and into what a run is told apart by.
 */
export type Transform = readonly TransformStep[];

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
      step.step === "randomResizedCrop" || step.step === "paddedCrop" ||
      step.step === "centreCrop" || step.step === "square"
    ) return step.size;
  }
  throw new RangeError(
    'transform should have a step that makes squares, such as { step: "centreCrop", size: 224 }; evalTransform({ size: 224 }) has',
  );
}
