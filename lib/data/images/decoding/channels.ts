/** The colours of decoded pixels, without other channels. @module */
import type { Picture } from "../pictures/picture.ts";

/** The pixels of a decoder. */
export interface Decoded {
  readonly width: number;
  readonly height: number;
  /** `[height, width, channels]`. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Red, green and blue of pixels with a channel more, which is left out and not blended. */
export function withoutAlpha({ width, height, data }: Decoded): Picture {
  const pixels = new Uint8Array(3 * width * height);
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += 4) {
    pixels[to] = data[from]!;
    pixels[to + 1] = data[from + 1]!;
    pixels[to + 2] = data[from + 2]!;
  }
  return { width, height, pixels };
}

/** Three equal channels of grey. */
export function fromGrey({ width, height, data }: Decoded): Picture {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) pixels.fill(data[i]!, 3 * i, 3 * i + 3);
  return { width, height, pixels };
}

/**
 * Red, green and blue of cyan, magenta, yellow and black, as Pillow makes them: the
 * light that a colour leaves, times the light that black leaves.
 *
 * Source: Pillow's `Convert.c` (HPND), `cmyk2rgb`.
 */
export function fromCmyk({ width, height, data }: Decoded): Picture {
  const pixels = new Uint8Array(3 * width * height);
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += 4) {
    const light = 255 - data[from + 3]!;
    for (let c = 0; c < 3; c++) {
      // A division by 255 that rounds.
      const product = light * (255 - data[from + c]!) + 128;
      pixels[to + c] = (product + (product >> 8)) >> 8;
    }
  }
  return { width, height, pixels };
}
