import { hasText, type ImageHead, type ImageType } from "./image_file.ts";
import { readJpegHead } from "./jpeg_head.ts";
import { readNetpbmHead } from "./netpbm.ts";
import { readPngHead } from "./png_head.ts";
import { readWebpHead } from "./webp_head.ts";
import { MOST_PIXELS } from "../pictures/picture.ts";

/** The longest side, which is libpng's: decoders take long for each row, however short. */
const MOST_SIDE = 1_000_000;

/** Formats that are recognised, to say what a file is instead. */
const OTHER_TYPES: readonly (readonly [name: string, start: string])[] = [
  ["a GIF", "GIF8"],
  ["a BMP", "BM"],
  ["a TIFF", "II*\0"],
  ["a TIFF", "MM\0*"],
  ["a PBM", "P1"],
  ["a PGM in digits", "P2"],
  ["a PPM in digits", "P3"],
  ["a PBM", "P4"],
  ["a PDF", "%PDF"],
  ["a page of HTML", "<!DOCTYPE"],
  ["a page of HTML", "<html"],
];

/** A file's type by its first bytes, whatever its name ends in. */
function typeOf(bytes: Uint8Array): ImageType | undefined {
  if (hasText(bytes, 0, "\xff\xd8\xff")) return "JPEG";
  if (hasText(bytes, 0, "\x89PNG\r\n\x1a\n")) return "PNG";
  if (hasText(bytes, 0, "P6")) return "PPM";
  if (hasText(bytes, 0, "P5")) return "PGM";
  const isWebp = hasText(bytes, 0, "RIFF") && hasText(bytes, 8, "WEBP");
  return isWebp ? "WebP" : undefined;
}

/**
 * Reads the head of an image, so that a bad one is refused before anything is
 * decoded.
 */
export function readImageHead(
  bytes: Uint8Array,
): ImageHead & { readonly type: ImageType } {
  const type = typeOf(bytes);
  if (type === undefined) {
    const other = OTHER_TYPES.find(([, start]) => hasText(bytes, 0, start));
    const found = bytes.length === 0
      ? "no bytes at all"
      : other?.[0] ?? "none of them, by its first bytes";
    throw new SyntaxError(
      `an image should be a JPEG, a PNG, a WebP, a PPM or a PGM, got ${found}`,
    );
  }
  const head = READERS[type](bytes);
  const { width, height } = head;
  if (width === 0 || height === 0) {
    throw new SyntaxError(`the ${type} has no pixels: ${width} × ${height}`);
  }
  if (width * height > MOST_PIXELS) {
    throw new SyntaxError(
      `the ${type} has ${width} × ${height} pixels, more than ${MOST_PIXELS}: make it smaller`,
    );
  }
  if (Math.max(width, height) > MOST_SIDE) {
    throw new SyntaxError(
      `the ${type} has ${width} × ${height} pixels, and a side of more than ${MOST_SIDE}: cut it into parts`,
    );
  }
  return { ...head, type };
}

const READERS = {
  JPEG: readJpegHead,
  PNG: readPngHead,
  WebP: readWebpHead,
  PPM: readNetpbmHead,
  PGM: readNetpbmHead,
} as const;
