import type { Picture } from "./picture.ts";

/**
 * The brightness of a picture's pixels, 0–255, `[height, width]`, as Pillow's
 * `convert("L")` gives it: 0.299 of red, 0.587 of green and 0.114 of blue, rounded.
 *
 * Source: Pillow's `Convert.c` (HPND), `rgb2l`.
 */
export function greyPixels({ width, height, pixels }: Picture): Uint8Array {
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const [red, green, blue] = [
      pixels[3 * i]!,
      pixels[3 * i + 1]!,
      pixels[3 * i + 2]!,
    ];
    grey[i] = (19_595 * red + 38_470 * green + 7471 * blue + 0x8000) >> 16;
  }
  return grey;
}
