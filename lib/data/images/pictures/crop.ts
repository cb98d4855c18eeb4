/** Parts of pictures, and their mirror images. @module */
import type { Picture } from "./picture.ts";
import type { Region } from "./resample.ts";

/** Rounds as Python does: a half to the even neighbour. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const above = x - below;
  if (above !== 0.5) return above < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Returns a part of a picture; what lies beyond the picture is black.
 *
 * @param region The part, in whole pixels; it may reach beyond the picture.
 */
export function crop(picture: Picture, region: Region): Picture {
  const { left, top, width, height } = region;
  const pixels = new Uint8Array(3 * width * height);
  const first = Math.max(0, left);
  const last = Math.min(picture.width, left + width);
  const end = Math.min(picture.height, top + height);
  if (first < last) {
    for (let row = Math.max(0, top); row < end; row++) {
      const from = 3 * row * picture.width;
      pixels.set(
        picture.pixels.subarray(from + 3 * first, from + 3 * last),
        3 * ((row - top) * width + first - left),
      );
    }
  }
  return { width, height, pixels };
}

/** The square in the middle, whose place torchvision rounds half to even. */
export function centreCrop(picture: Picture, size: number): Picture {
  return crop(picture, {
    left: roundHalfToEven((picture.width - size) / 2),
    top: roundHalfToEven((picture.height - size) / 2),
    width: size,
    height: size,
  });
}

/** The picture as a mirror shows it: left and right exchanged. */
export function mirrored({ width, height, pixels }: Picture): Picture {
  const result = new Uint8Array(pixels.length);
  const stride = 3 * width;
  for (let row = 0; row < pixels.length; row += stride) {
    for (let from = row, to = row + stride - 3; from < row + stride;) {
      result[to] = pixels[from]!;
      result[to + 1] = pixels[from + 1]!;
      result[to + 2] = pixels[from + 2]!;
      from += 3;
      to -= 3;
    }
  }
  return { width, height, pixels: result };
}
