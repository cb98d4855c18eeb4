/** The transform of images in training. @module */
import { assertRange, assertSide } from "./transform.ts";
import {
  assertInteger,
  assertOptions,
  assertShare,
  optionsOf,
} from "@lionjs/base";
import type { Interpolation } from "../pictures/filters.ts";
import { assertInterpolation } from "../pictures/resize.ts";
import { randAugmentStep } from "./rand_augment.ts";
import type { Range, Transform, TransformStep } from "./transform.ts";

/** A random part of the picture, resized. */
export interface ResizedCrop {
  /** The part's share of the picture's pixels. @default [0.08, 1] */
  scale?: Range | undefined;
  /** The part's width divided by its height. @default [3 / 4, 4 / 3] */
  ratio?: Range | undefined;
}

/** A random square of the picture with a black border, for small ones such as CIFAR's. */
export interface PaddedCrop {
  /** Width of the black border in pixels. */
  padding: number;
}

/** Options of {@linkcode trainTransform}. */
export interface TrainTransformOptions {
  /** Side of the square in pixels. */
  size: number;
  /**
   * The part of a picture to keep: a random one, resized, or, if pictures
   * already have the size, a square moved by up to `padding`.
   * @default { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] }
   */
  crop?: ResizedCrop | PaddedCrop | undefined;
  /** The filter that resizes. @default "bicubic" */
  interpolation?: Interpolation | undefined;
  /** The probability of mirroring left and right. @default 0.5 */
  flip?: number | undefined;
  /**
   * RandAugment in timm's words, such as `"rand-m9-mstd0.5-inc1"`: `m`, the
   * mean of the magnitudes, from 0 to 10, by default 10; `mstd`, their standard
   * deviation, below 100, by default 0; `n`, how many operations are drawn, by
   * default 2; and `inc1`, which is required: greater magnitudes mean stronger
   * changes. Each drawn operation is applied with probability 0.5.
   * @default no operations
   */
  randAugment?: string | undefined;
  /**
   * The probability of a rectangle of noise, of 1/50 to 1/3 of the picture.
   * @default 0
   */
  erase?: number | undefined;
}

const OPTIONS = optionsOf<TrainTransformOptions>()(
  "size crop interpolation flip randAugment erase",
);

const RESIZED_CROP = optionsOf<ResizedCrop>()("scale ratio");
const PADDED_CROP = optionsOf<PaddedCrop>()("padding");

/** The area and the ratio of the rectangles that timm's RandomErasing erases. */
const ERASED = { area: [0.02, 1 / 3], ratio: [0.3, 1 / 0.3] } as const;

/**
 * Makes the random transform for training: takes a part of a picture, resizes
 * it to a square, may mirror it, and may apply RandAugment and a rectangle of
 * noise.
 *
 * Source: Szegedy et al. 2014 (arXiv:1409.4842), Cubuk et al. 2019 (arXiv:1909.13719)
 * and Touvron et al. 2020 (arXiv:2012.12877), as torchvision and timm do it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { trainTransform } from "@lionjs/lion/data";
 *
 * assertEquals(trainTransform({ size: 32, crop: { padding: 4 } }), [
 *   { step: "paddedCrop", size: 32, padding: 4 },
 *   { step: "flip", probability: 0.5 },
 * ]);
 *
 * // How LION's classifiers of ImageNet were trained.
 * const steps = trainTransform({
 *   size: 224,
 *   randAugment: "rand-m9-mstd0.5-inc1",
 *   erase: 0.25,
 * });
 * assertEquals(steps.map(({ step }) => step), [
 *   "randomResizedCrop",
 *   "flip",
 *   "randAugment",
 *   "erase",
 * ]);
 * ```
 *
 * @param options See {@linkcode TrainTransformOptions}.
 * @returns The transform, plain data, for `imageBatches`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function trainTransform(options: TrainTransformOptions): Transform {
  assertOptions("trainTransform", options, OPTIONS);
  const { size, crop = {}, interpolation = "bicubic", flip = 0.5 } = options;
  const { randAugment, erase = 0 } = options;
  assertSide("size", size);
  assertInterpolation(interpolation);
  assertShare("flip", flip);
  assertShare("erase", erase);
  const steps: TransformStep[] = [cropStep(size, crop, interpolation)];
  if (flip > 0) steps.push({ step: "flip", probability: flip });
  if (randAugment !== undefined) {
    steps.push(randAugmentStep(randAugment, interpolation));
  }
  if (erase > 0) steps.push({ step: "erase", probability: erase, ...ERASED });
  return steps;
}

function cropStep(
  size: number,
  crop: ResizedCrop | PaddedCrop,
  interpolation: Interpolation,
): TransformStep {
  if (Object.hasOwn(Object(crop), "padding")) {
    const given = crop as PaddedCrop;
    assertOptions("trainTransform's crop", given, PADDED_CROP);
    assertInteger("crop's padding", given.padding, 0);
    return { step: "paddedCrop", size, padding: given.padding };
  }
  const given = crop as ResizedCrop;
  assertOptions("trainTransform's crop", given, RESIZED_CROP);
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = given;
  assertRange("crop's scale", scale, 1);
  assertRange("crop's ratio", ratio, Infinity);
  return { step: "randomResizedCrop", size, scale, ratio, interpolation };
}
