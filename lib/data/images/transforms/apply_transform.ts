/** Application of a transform's steps to a picture. @module */
import { assertInterpolation } from "../pictures/resize.ts";
import { assertRange, assertSide } from "./transform.ts";
import {
  assertFinite,
  assertInteger,
  assertList,
  assertShare,
  shown,
} from "@lionjs/base";
import { below, type Random } from "../../batches/random.ts";
import { centreCrop, crop, mirrored } from "../pictures/crop.ts";
import { type Picture, UnfitPictureError } from "../pictures/picture.ts";
import { FILTERS } from "../pictures/filters.ts";
import { resample } from "../pictures/resample.ts";
import { randAugmented } from "./rand_augment.ts";
import { drawRegion } from "./random_resized_crop.ts";
import type { Transform, TransformStep } from "./transform.ts";

/** The functions that apply each step to a picture of 8 bits. */
const STEPS: {
  readonly [Name in TransformStep["step"]]: (
    picture: Picture,
    step: Extract<TransformStep, { step: Name }>,
    random: Random,
  ) => Picture;
} = {
  randomResizedCrop(picture, { size, interpolation, ...ranges }, random) {
    const region = drawRegion(picture, ranges, random);
    return resample(picture, region, size, size, FILTERS[interpolation]);
  },
  paddedCrop(picture, { size, padding }, random) {
    const { width, height } = picture;
    const right = width + 2 * padding - size;
    const down = height + 2 * padding - size;
    if (right < 0 || down < 0) {
      throw new UnfitPictureError(
        `a crop of ${size} pixels with ${padding} around it needs pictures of at least ${
          size - 2 * padding
        } × ${size - 2 * padding}, got ${width} × ${height}`,
      );
    }
    const top = below(down + 1, random) - padding;
    const left = below(right + 1, random) - padding;
    return crop(picture, { left, top, width: size, height: size });
  },
  resize(picture, { size, interpolation }) {
    const { width, height } = picture;
    const longer = (side: number, other: number) =>
      Math.floor(size * side / other);
    const [w, h] = width <= height
      ? [size, longer(height, width)]
      : [longer(width, height), size];
    if (w === width && h === height) return picture;
    const whole = { left: 0, top: 0, width, height };
    return resample(picture, whole, w, h, FILTERS[interpolation]);
  },
  square(picture, { size, interpolation }) {
    const { width, height } = picture;
    if (width === size && height === size) return picture;
    const whole = { left: 0, top: 0, width, height };
    return resample(picture, whole, size, size, FILTERS[interpolation]);
  },
  centreCrop: (picture, { size }) => centreCrop(picture, size),
  flip: (picture, { probability }, random) =>
    random() < probability ? mirrored(picture) : picture,
  randAugment: randAugmented,
  // Erasing is applied after normalisation: see erase.ts.
  erase: (picture) => picture,
};

/** Checks of the fields that steps have. */
const FIELDS: Readonly<Record<string, (name: string, value: never) => void>> = {
  size: assertSide,
  padding: (name, value) => assertInteger(name, value, 0),
  scale: (name, value) => assertRange(name, value, 1),
  area: (name, value) => assertRange(name, value, 1),
  ratio: (name, value) => assertRange(name, value, Infinity),
  interpolation: (_, value) => assertInterpolation(value),
  probability: assertShare,
  count: (name, value) => assertInteger(name, value, 0),
  magnitude: assertFinite,
  deviation: assertFinite,
  fill: assertList,
};

/** The fields of each step. */
const FIELDS_OF: Readonly<Record<TransformStep["step"], string>> = {
  randomResizedCrop: "size scale ratio interpolation",
  paddedCrop: "size padding",
  resize: "size interpolation",
  square: "size interpolation",
  centreCrop: "size",
  flip: "probability",
  randAugment: "count probability magnitude deviation interpolation fill",
  erase: "probability area ratio",
};

/** Throws unless all steps are known, and have what they need. */
export function assertSteps(transform: Transform): void {
  for (const step of transform) {
    const name: unknown = Object(step).step;
    if (typeof name === "string" && Object.hasOwn(STEPS, name)) {
      for (const field of FIELDS_OF[step.step].split(" ")) {
        const value = step[field as keyof typeof step] as unknown;
        FIELDS[field]!(`transform's ${name} step: ${field}`, value as never);
      }
      continue;
    }
    throw new RangeError(
      `transform's steps should be among ${
        Object.keys(STEPS).join(", ")
      }, got ${shown(step)}`,
    );
  }
}

/**
 * Does the steps of a transform to a picture, except for those that come after it is
 * normalised.
 */
export function applyTransform(
  picture: Picture,
  transform: Transform,
  random: Random,
): Picture {
  return transform.reduce((before, step) => {
    const apply = STEPS[step.step] as (
      picture: Picture,
      step: TransformStep,
      random: Random,
    ) => Picture;
    return apply(before, step, random);
  }, picture);
}
