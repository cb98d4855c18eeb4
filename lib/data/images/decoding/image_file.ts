/** The head of an image file: facts that are read without decoding it. @module */
import type { Orientation } from "../pictures/orientation.ts";

/** The formats that packages decode. */
export type CodecType = "JPEG" | "PNG" | "WebP";

/** The formats that are decoded; PPM and PGM have pixels as they are. */
export type ImageType = CodecType | "PPM" | "PGM";

export interface ImageHead {
  readonly width: number;
  readonly height: number;
  /** Whether the colours are those of printing: cyan, magenta, yellow and black. */
  readonly isCmyk: boolean;
  /** The orientation that the file's EXIF data name. */
  readonly orientation: Orientation;
  /** Of an animation, a file with its first picture alone. */
  readonly first?: Uint8Array;
}

/** Whether the letters of an ASCII text lie at a place. */
export function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** The error for a file that ends too early. */
export function truncated(type: ImageType, missing: string): SyntaxError {
  return new SyntaxError(
    `the ${type} ends before ${missing}: it is truncated; fetch it again`,
  );
}
