/** RandAugment's operations by name and magnitude. @module */
import {
  assertFinite,
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import { assertPicture, type Picture } from "../pictures/picture.ts";
import { type Colour, moved, rotation, type Sampling } from "./affine.ts";
import {
  withBrightness,
  withColour,
  withContrast,
  withSharpness,
} from "./blends.ts";
import {
  autoContrasted,
  equalized,
  inverted,
  lightened,
  posterized,
  solarized,
} from "./tables.ts";

/** The operations of RandAugment, by timm's names. */
export type RandAugmentOperation =
  | "AutoContrast"
  | "Equalize"
  | "Invert"
  | "Rotate"
  | "PosterizeIncreasing"
  | "SolarizeIncreasing"
  | "SolarizeAdd"
  | "ColorIncreasing"
  | "ContrastIncreasing"
  | "BrightnessIncreasing"
  | "SharpnessIncreasing"
  | "ShearX"
  | "ShearY"
  | "TranslateXRel"
  | "TranslateYRel";

/** Options of {@linkcode applyOperation}. */
export interface ApplyOperationOptions {
  /**
   * The interpolation of pixels in rotated, sheared and translated pictures.
   * @default "bicubic"
   */
  interpolation?: "bicubic" | "bilinear" | undefined;
  /**
   * The colour of areas that rotation, shear or translation leaves empty: red,
   * green and blue, 0–255. @default [124, 116, 104], the mean of ImageNet's
   * pictures
   */
  fill?: readonly [red: number, green: number, blue: number] | undefined;
}

const OPTIONS = optionsOf<ApplyOperationOptions>()("interpolation fill");

export const GREATEST_MAGNITUDE = 10;

/** The mean of ImageNet's pictures. */
export const MEAN_COLOUR: Colour = [124, 116, 104];

/**
 * The function of each operation, with a level from 0 to 1, or from -1 to 1 if
 * it has two directions.
 */
const OPERATIONS: Readonly<
  Record<
    RandAugmentOperation,
    (picture: Picture, level: number, sampling: Sampling) => Picture
  >
> = {
  AutoContrast: autoContrasted,
  Equalize: equalized,
  Invert: inverted,
  Rotate: (picture, level, sampling) =>
    moved(picture, rotation(picture, level * 30), sampling),
  PosterizeIncreasing: (picture, level) =>
    posterized(picture, 4 - Math.floor(Math.abs(level) * 4)),
  SolarizeIncreasing: (picture, level) =>
    solarized(picture, 256 - Math.floor(Math.abs(level) * 256)),
  SolarizeAdd: (picture, level) =>
    lightened(picture, Math.floor(Math.abs(level) * 110)),
  ColorIncreasing: (picture, level) => withColour(picture, 1 + level * 0.9),
  ContrastIncreasing: (picture, level) =>
    withContrast(picture, 1 + level * 0.9),
  BrightnessIncreasing: (picture, level) =>
    withBrightness(picture, 1 + level * 0.9),
  SharpnessIncreasing: (picture, level) =>
    withSharpness(picture, 1 + level * 0.9),
  ShearX: (picture, level, sampling) =>
    moved(picture, [1, level * 0.3, 0, 0, 1, 0], sampling),
  ShearY: (picture, level, sampling) =>
    moved(picture, [1, 0, 0, level * 0.3, 1, 0], sampling),
  TranslateXRel: (picture, level, sampling) =>
    moved(picture, [1, 0, level * 0.45 * picture.width, 0, 1, 0], sampling),
  TranslateYRel: (picture, level, sampling) =>
    moved(picture, [1, 0, 0, 0, 1, level * 0.45 * picture.height], sampling),
};

export const OPERATION_NAMES = Object.keys(
  OPERATIONS,
) as readonly RandAugmentOperation[];

/** Does an operation of RandAugment, whose arguments are known to be right. */
export function operate(
  picture: Picture,
  name: RandAugmentOperation,
  magnitude: number,
  sampling: Sampling,
): Picture {
  return OPERATIONS[name](picture, magnitude / GREATEST_MAGNITUDE, sampling);
}

/**
 * Applies one operation of RandAugment to a picture, with exactly the bytes of
 * timm and Pillow. At a magnitude `m`, or `±m` for two directions:
 *
 * - `"AutoContrast"`, `"Equalize"` and `"Invert"` ignore it;
 * - `"Rotate"` turns by `±3m` degrees, counter-clockwise if positive;
 * - `"PosterizeIncreasing"` keeps `4 - ⌊0.4m⌋` bits;
 * - `"SolarizeIncreasing"` inverts from `256 - ⌊25.6m⌋` on;
 * - `"SolarizeAdd"` adds `⌊11m⌋` to values below 128;
 * - `"ColorIncreasing"`, `"ContrastIncreasing"`, `"BrightnessIncreasing"` and
 *   `"SharpnessIncreasing"` have a factor of `1 ± 0.09m`;
 * - `"ShearX"` and `"ShearY"` shear by `±0.03m`;
 * - `"TranslateXRel"` and `"TranslateYRel"` move by `±0.045m` of the side.
 *
 * Source: Cubuk et al. 2019 (arXiv:1909.13719), as timm's `auto_augment.py` and Pillow
 * do it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { applyOperation } from "@lionjs/lion/data";
 *
 * const picture = { width: 1, height: 1, pixels: Uint8Array.of(0, 100, 200) };
 * const negative = applyOperation(picture, "Invert", 0);
 * assertEquals([...negative.pixels], [255, 155, 55]);
 * const darker = applyOperation(picture, "BrightnessIncreasing", -5);
 * assertEquals([...darker.pixels], [0, 55, 110]);
 * ```
 *
 * @param picture The picture.
 * @param name The operation.
 * @param magnitude From -10 to 10; the sign matters if there are two
 * directions.
 * @param options See {@linkcode ApplyOperationOptions}.
 * @returns A new picture of the same size.
 * @throws {TypeError} If an option is unknown, or an argument of the wrong type.
 * @throws {RangeError} If there is no such operation, or a value is out of range.
 */
export function applyOperation(
  picture: Picture,
  name: RandAugmentOperation,
  magnitude: number,
  options: ApplyOperationOptions = {},
): Picture {
  assertOptions("applyOperation", options, OPTIONS);
  assertPicture(picture);
  if (typeof name !== "string" || !Object.hasOwn(OPERATIONS, name)) {
    throw new RangeError(
      `name should be among ${OPERATION_NAMES.join(", ")}, got ${shown(name)}`,
    );
  }
  assertFinite("magnitude", magnitude);
  if (Math.abs(magnitude) > GREATEST_MAGNITUDE) {
    throw new RangeError(
      `magnitude should be from -10 to 10, got ${magnitude}`,
    );
  }
  const { interpolation = "bicubic", fill = MEAN_COLOUR } = options;
  assertSampling({ interpolation, fill });
  return operate(picture, name, magnitude, { interpolation, fill });
}

/** Throws unless the options of sampling are valid. */
function assertSampling({ interpolation, fill }: Sampling): void {
  assertOneOf("interpolation", interpolation, ["bicubic", "bilinear"]);
  const given: unknown = fill;
  if (!Array.isArray(given) || given.length !== 3) {
    throw new TypeError(
      `fill should be three numbers, red, green and blue, got ${shown(given)}`,
    );
  }
  for (const value of fill) {
    if (Number.isInteger(value) && value >= 0 && value <= 255) continue;
    throw new RangeError(
      `fill should be integers from 0 to 255, got ${shown(value)}`,
    );
  }
}
