/** Decoded images. @module */
import { assertPositiveInteger, shown } from "@lionjs/base";

/** A decoded image: red, green and blue, 8 bits each. */
export interface Picture {
  /** Number of pixels per row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** The colours, 0–255, `[height, width, 3]`, row by row. */
  readonly pixels: Uint8Array;
}

/** The most pixels of a picture that is decoded or made, by which Pillow tells a bomb. */
export const MOST_PIXELS = 89_478_485;

/**
 * A picture that does not fit what is asked of it. Other errors of this kind, such as of
 * memory that is not there, are not the picture's fault.
 */
export class UnfitPictureError extends RangeError {}

/** Throws unless a value is a picture whose pixels fill its sides. */
export function assertPicture(picture: Picture): void {
  const { width, height, pixels } = Object(picture) as Picture;
  if (!(pixels instanceof Uint8Array)) {
    throw new TypeError(
      `picture should be a picture { width, height, pixels: Uint8Array }, such as decodeImage returns, got pixels ${
        shown(pixels)
      }`,
    );
  }
  assertPositiveInteger("picture's width", width);
  assertPositiveInteger("picture's height", height);
  const size = 3 * width * height;
  if (pixels.length === size) return;
  throw new RangeError(
    `picture should have 3 · ${width} · ${height} = ${size} bytes of pixels, got ${pixels.length}`,
  );
}
