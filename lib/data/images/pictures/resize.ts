/** Resizing of pictures, as Pillow does it. @module */
import {
  assertOptions,
  assertPositiveInteger,
  assertText,
  optionsOf,
  shown,
} from "@lionjs/base";
import { assertPicture, type Picture } from "./picture.ts";
import { FILTERS, type Interpolation } from "./filters.ts";
import { resample } from "./resample.ts";

/** Options of {@linkcode resize}. */
export interface ResizeOptions {
  /**
   * The filter: `"bicubic"`, `"bilinear"` or `"box"`. When the picture shrinks,
   * it widens, like Pillow's, so that every pixel counts.
   * @default "bicubic"
   */
  interpolation?: Interpolation | undefined;
  /**
   * The part to resize: left, top, right and bottom, in pixels, possibly
   * fractional. Pixels beyond it count if the filter reaches them; crop first
   * to prevent that.
   * @default the whole picture
   */
  box?: readonly [number, number, number, number] | undefined;
}

const OPTIONS = optionsOf<ResizeOptions>()("interpolation box");

/** Throws unless a value names a filter. */
export function assertInterpolation(interpolation: Interpolation): void {
  assertText("interpolation", interpolation);
  if (Object.hasOwn(FILTERS, interpolation)) return;
  throw new RangeError(
    `interpolation should be ${
      Object.keys(FILTERS).map((name) => JSON.stringify(name)).join(" or ")
    }, got ${shown(interpolation)}`,
  );
}

/**
 * Resizes a picture, to exactly the bytes of Pillow's `Image.resize`.
 *
 * Source: Pillow's `Resample.c` (HPND).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { resize } from "@lionjs/lion/data";
 *
 * const pixels = Uint8Array.of(0, 0, 0, 255, 255, 255);
 * const picture = { width: 2, height: 1, pixels };
 * const half = resize(picture, 1, 1, { interpolation: "bilinear" });
 * assertEquals([...half.pixels], [128, 128, 128]);
 * ```
 *
 * @param picture The picture.
 * @param width Number of pixels per row of the result.
 * @param height Number of rows of the result.
 * @param options See {@linkcode ResizeOptions}.
 * @returns A new picture.
 * @throws {TypeError} If an option is unknown, or an argument of the wrong type.
 * @throws {RangeError} If a side is not a positive integer, or the box is empty or
 * not within the picture, or the result has more than 89,478,485 pixels.
 */
export function resize(
  picture: Picture,
  width: number,
  height: number,
  options: ResizeOptions = {},
): Picture {
  assertOptions("resize", options, OPTIONS);
  assertPicture(picture);
  assertPositiveInteger("width", width);
  assertPositiveInteger("height", height);
  const { interpolation = "bicubic", box } = options;
  assertInterpolation(interpolation);
  if (box !== undefined) assertBox(box, picture);
  const whole = {
    left: 0,
    top: 0,
    width: picture.width,
    height: picture.height,
  };
  return resample(picture, whole, width, height, FILTERS[interpolation], box);
}

function assertBox(
  box: readonly [number, number, number, number],
  { width, height }: Picture,
): void {
  const given: unknown = box;
  if (
    !Array.isArray(given) || given.length !== 4 ||
    !given.every((side) => typeof side === "number")
  ) {
    throw new TypeError(
      `box should be four numbers, left, top, right and bottom, got ${
        shown(given)
      }`,
    );
  }
  const [left, top, right, bottom] = box;
  if (
    left >= 0 && top >= 0 && left < right && top < bottom && right <= width &&
    bottom <= height
  ) return;
  throw new RangeError(
    `box should be a part of the picture, [0, 0, ${width}, ${height}], with left < right and top < bottom, got [${
      box.join(", ")
    }]`,
  );
}
