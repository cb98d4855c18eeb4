import type { Picture } from "./picture.ts";

/**
 * The brightness of a picture's pixels, 0–255, `[height, width]`, as Pillow's
 * `convert("L")` gives it: 0.299 of red, 0.587 of green and 0.114 of blue, rounded.
 *
 * Source: Pillow's `Convert.c` (HPND), `rgb2l`.
 */
export function greyPixels({ width, height, pixels }: Picture): Uint8Array {
  const grey = new Uint8Array(width * height);
  for (let i = 0, from = 0; i < grey.length; i++, from += 3) {
    grey[i] = (19_595 * pixels[from]! + 38_470 * pixels[from + 1]! +
      7471 * pixels[from + 2]! + 0x8000) >> 16;
  }
  return grey;
}
