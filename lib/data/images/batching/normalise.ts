/** Normalisation of pixels, colour by colour. @module */
import { assertFinite, shown } from "@lionjs/base";

/** One number each for red, green and blue, or one for all. */
export type PerColour = number | readonly [number, number, number];

/** The mean and the deviation of ImageNet's training images. */
export const IMAGENET = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
} as const;

/** Writes pixels, normalised, to a place. */
export type Normalise = (
  pixels: Uint8Array,
  to: Float32Array,
  start: number,
) => void;

/**
 * Makes the function that normalises pixels: `(pixel / 255 - mean) / deviation`, each
 * step in single precision, as torchvision's `ToTensor` and `Normalize` do.
 */
export function normaliser(mean: PerColour, deviation: PerColour): Normalise {
  const means = threeOf("mean", mean);
  const deviations = threeOf("deviation", deviation);
  for (const value of deviations) {
    if (value > 0) continue;
    throw new RangeError(`deviation should be above 0, got ${value}`);
  }
  // A table of the 256 values of a pixel, each computed once.
  const [red, green, blue] = means.map((mean, colour) =>
    Float32Array.from({ length: 256 }, (_, pixel) => {
      const centred = Math.fround(pixel / 255) - Math.fround(mean);
      return Math.fround(centred) / Math.fround(deviations[colour]!);
    })
  ) as [Float32Array, Float32Array, Float32Array];
  return (pixels, to, start) => {
    for (let i = 0; i < pixels.length; i += 3) {
      to[start + i] = red[pixels[i]!]!;
      to[start + i + 1] = green[pixels[i + 1]!]!;
      to[start + i + 2] = blue[pixels[i + 2]!]!;
    }
  };
}

function threeOf(name: string, value: PerColour): readonly number[] {
  const given: unknown = value;
  const three = Array.isArray(given) ? given : [given, given, given];
  if (three.length !== 3) {
    throw new TypeError(
      `${name} should be a number, or three for red, green and blue, got ${
        shown(given)
      }`,
    );
  }
  for (const one of three) assertFinite(name, one);
  return three;
}
