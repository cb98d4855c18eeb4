/**
 * Pictures that are turned, sheared and moved.
 *
 * Source: Pillow's `Geometry.c` and `Image.rotate` (HPND), whose double precision
 * this follows, term by term.
 *
 * @module
 */
import type { Interpolation } from "../pictures/filters.ts";
import type { Picture } from "../pictures/picture.ts";

/** Red, green and blue, 0–255. */
export type Colour = readonly [red: number, green: number, blue: number];

/**
 * An affine map from a pixel `(x, y)` of the result to its source:
 * `(ax + by + c, dx + ey + f)`.
 */
export type Matrix = readonly [
  ...[a: number, b: number, c: number],
  ...[d: number, e: number, f: number],
];

/** How pixels are sampled between the centres of pixels, and beyond the picture. */
export interface Sampling {
  /** The filter; it does not widen where the picture becomes smaller. */
  readonly interpolation: Exclude<Interpolation, "box">;
  /** The colour of pixels whose source is beyond the picture. */
  readonly fill: Colour;
}

/** Writes the sampled colour at a place of a picture to `result`. */
type Sample = (
  picture: Picture,
  x: number,
  y: number,
  result: Uint8Array,
  to: number,
) => void;

const SAMPLES: Readonly<Record<Sampling["interpolation"], Sample>> = {
  bicubic: sampleBicubic,
  bilinear: sampleBilinear,
};

/** Applies an affine map to a picture; the result has the picture's size. */
export function moved(
  picture: Picture,
  [a, b, c, d, e, f]: Matrix,
  { interpolation, fill: [red, green, blue] }: Sampling,
): Picture {
  const { width, height } = picture;
  const result = new Uint8Array(3 * width * height);
  const sample = SAMPLES[interpolation];
  for (let row = 0, to = 0; row < height; row++) {
    const across = b * (row + 0.5), down = e * (row + 0.5);
    for (let column = 0; column < width; column++, to += 3) {
      const x = a * (column + 0.5) + across + c;
      const y = d * (column + 0.5) + down + f;
      if (x >= 0 && x < width && y >= 0 && y < height) {
        sample(picture, x, y, result, to);
      } else {
        result[to] = red;
        result[to + 1] = green;
        result[to + 2] = blue;
      }
    }
  }
  return { width, height, pixels: result };
}

function sampleBicubic(
  { width, height, pixels }: Picture,
  x: number,
  y: number,
  result: Uint8Array,
  to: number,
): void {
  const column = Math.floor(x - 0.5), row = Math.floor(y - 0.5);
  const right = x - 0.5 - column, down = y - 0.5 - row;
  const stride = 3 * width;
  // Beyond the picture, the pixels at its border are repeated.
  const x1 = 3 * Math.max(0, column), y1 = stride * Math.max(0, row);
  const x0 = 3 * Math.max(0, column - 1), y0 = stride * Math.max(0, row - 1);
  const x2 = 3 * Math.min(width - 1, column + 1);
  const y2 = stride * Math.min(height - 1, row + 1);
  const x3 = 3 * Math.min(width - 1, column + 2);
  const y3 = stride * Math.min(height - 1, row + 2);
  for (let colour = 0; colour < 3; colour++) {
    const p0 = x0 + colour, p1 = x1 + colour;
    const p2 = x2 + colour, p3 = x3 + colour;
    const along = (y: number) =>
      right === 0 ? pixels[y + p1]! : cubic(
        pixels[y + p0]!,
        pixels[y + p1]!,
        pixels[y + p2]!,
        pixels[y + p3]!,
        right,
      );
    const value = down === 0
      ? along(y1)
      : cubic(along(y0), along(y1), along(y2), along(y3), down);
    result[to + colour] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
}

/** Cubic convolution between `v1` and `v2`, `t` from the first. */
function cubic(
  v0: number,
  v1: number,
  v2: number,
  v3: number,
  t: number,
): number {
  const square = 2 * (v0 - v1) + v2 - v3;
  const cube = v1 - v0 - v2 + v3;
  return v1 + t * (v2 - v0 + t * (square + t * cube));
}

function sampleBilinear(
  { width, height, pixels }: Picture,
  x: number,
  y: number,
  result: Uint8Array,
  to: number,
): void {
  const column = Math.floor(x - 0.5), row = Math.floor(y - 0.5);
  const right = x - 0.5 - column, down = y - 0.5 - row;
  const stride = 3 * width;
  const x0 = 3 * Math.max(0, column), y0 = stride * Math.max(0, row);
  const x1 = 3 * Math.min(width - 1, column + 1);
  const y1 = stride * Math.min(height - 1, row + 1);
  for (let colour = 0; colour < 3; colour++) {
    const along = (y: number) => {
      const value = pixels[y + x0 + colour]!;
      return value + (pixels[y + x1 + colour]! - value) * right;
    };
    const upper = along(y0);
    result[to + colour] = upper + (along(y1) - upper) * down;
  }
}

/** The matrix that turns a picture around its middle, counter-clockwise. */
export function rotation(
  { width, height }: Picture,
  degrees: number,
): Matrix {
  // Degrees from 0 to 360, as by Python's remainder.
  const angle = -(degrees < 0 ? degrees + 360 : degrees) * (Math.PI / 180);
  const cosine = toFifteenDigits(Math.cos(angle));
  const sine = toFifteenDigits(Math.sin(angle));
  const x = width / 2, y = height / 2;
  return [
    ...[cosine, sine, cosine * -x + sine * -y + x] as const,
    ...[-sine, cosine, -sine * -x + cosine * -y + y] as const,
  ];
}

function toFifteenDigits(value: number): number {
  return Number(value.toFixed(15));
}
