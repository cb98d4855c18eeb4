/**
 * Operations that blend a picture with one that lacks something, or take it further
 * away from that one.
 *
 * Source: Pillow's `ImageEnhance.py`, `Blend.c`, `Convert.c` and `Filter.c` (HPND),
 * whose single precision this follows.
 *
 * @module
 */
import { greyPixels } from "../pictures/grey.ts";
import type { Picture } from "../pictures/picture.ts";
import { mapped } from "./tables.ts";

/**
 * Values of `from` at a factor of 0, and of `to` at 1; a factor above 1 goes beyond,
 * up to black or white.
 */
function blend(from: Uint8Array, to: Uint8Array, factor: number): Uint8Array {
  // A table of the 511 possible differences, each multiplied once.
  const scaled = Float32Array.from(
    { length: 511 },
    (_, i) => Math.fround(factor) * (i - 255),
  );
  const result = new Uint8Array(to.length);
  for (let i = 0; i < to.length; i++) {
    const start = from[i]!;
    const value = Math.fround(start + scaled[to[i]! - start + 255]!);
    result[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
  return result;
}

const VALUES = Uint8Array.from({ length: 256 }, (_, value) => value);

function blendWithGrey(
  picture: Picture,
  grey: number,
  factor: number,
): Picture {
  const constant = new Uint8Array(256).fill(grey);
  return mapped(picture, blend(constant, VALUES, factor));
}

/**
 * Scales the saturation: below a factor of 1, colours are paler; at 0, the
 * picture is grey.
 */
export function withColour(picture: Picture, factor: number): Picture {
  const { width, height, pixels } = picture;
  const greys = greyPixels(picture);
  const colourless = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = greys[i / 3]!;
    colourless[i] = grey;
    colourless[i + 1] = grey;
    colourless[i + 2] = grey;
  }
  return { width, height, pixels: blend(colourless, pixels, factor) };
}

/** Scales the contrast: below a factor of 1, values are closer to the mean grey. */
export function withContrast(picture: Picture, factor: number): Picture {
  const greys = greyPixels(picture);
  const sum = greys.reduce((sum, grey) => sum + grey, 0);
  const mean = Math.floor(sum / greys.length + 0.5);
  return blendWithGrey(picture, mean, factor);
}

/** Scales the brightness: below a factor of 1, the picture is darker. */
export function withBrightness(picture: Picture, factor: number): Picture {
  return blendWithGrey(picture, 0, factor);
}

/** Changes the sharpness: below a factor of 1, edges are softer. */
export function withSharpness(picture: Picture, factor: number): Picture {
  const { width, height, pixels } = picture;
  return { width, height, pixels: blend(smoothed(picture), pixels, factor) };
}

/**
 * Tables of a value's weighted part of a smoothed pixel: as a neighbour's, and
 * as the pixel's own.
 */
const NEIGHBOUR = weighted(1);
const OWN = weighted(5);

/** A table of the 256 values times weight / 13, in single precision. */
function weighted(weight: number): Float32Array {
  return Float32Array.from(
    VALUES,
    (value) => value * Math.fround(weight / 13),
  );
}

/**
 * The weighted mean of each pixel and its eight neighbours; pixels at the
 * border stay.
 */
function smoothed({ width, height, pixels }: Picture): Uint8Array {
  const result = new Uint8Array(pixels); // a slice of Node's Buffer is no copy
  const stride = 3 * width;
  for (let row = 1; row < height - 1; row++) {
    const end = (row + 1) * stride - 3;
    for (let i = row * stride + 3; i < end; i++) {
      let sum = Math.fround(0.5 + threeOf(pixels, i + stride, NEIGHBOUR));
      sum = Math.fround(sum + threeOf(pixels, i, OWN));
      sum = Math.fround(sum + threeOf(pixels, i - stride, NEIGHBOUR));
      result[i] = sum;
    }
  }
  return result;
}

/** The part of a smoothed pixel from a value and its two neighbours in the row. */
function threeOf(
  pixels: Uint8Array,
  i: number,
  middle: Float32Array,
): number {
  const two = Math.fround(NEIGHBOUR[pixels[i - 3]!]! + middle[pixels[i]!]!);
  return Math.fround(two + NEIGHBOUR[pixels[i + 3]!]!);
}
