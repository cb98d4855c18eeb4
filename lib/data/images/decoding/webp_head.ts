/** The head of a WebP file. @module */
import { orientationOf } from "../pictures/orientation.ts";
import { viewOf } from "@lionjs/base";
import { hasText, type ImageHead, truncated } from "./image_file.ts";

const IS_ANIMATED = 2;

/**
 * Bytes of an animation's picture before its chunks: their place, size, time
 * and flags.
 */
const OF_PICTURE = 16;

/** Bytes up to the end of width and height, whatever the first chunk is. */
const SHORTEST = 30;

/**
 * Reads the head of a WebP, and whether all of its chunks are there.
 *
 * Format: RFC 9649.
 */
export function readWebpHead(bytes: Uint8Array): ImageHead {
  const view = viewOf(bytes);
  if (bytes.length < SHORTEST) throw truncated("WebP", "its first chunk");
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw truncated("WebP", `byte ${end}`);
  let orientation: ImageHead["orientation"] = 1;
  let picture: Uint8Array | undefined;
  for (const { at, data, size } of chunksOf(view, 12, end)) {
    if (hasText(bytes, at, "ANMF")) {
      picture ??= bytes.subarray(data, data + size);
    }
    if (hasText(bytes, at, "EXIF")) {
      // Some writers repeat the introduction that EXIF data have in a JPEG.
      const start = hasText(bytes, data, "Exif\0\0") ? data + 6 : data;
      orientation = orientationOf(bytes.subarray(start, data + size));
    }
  }
  const head = { ...sizeOf(bytes, view), isCmyk: false, orientation };
  const isAnimated = hasText(bytes, 12, "VP8X") && bytes[20]! & IS_ANIMATED;
  return isAnimated ? { ...head, first: firstOf(picture, head) } : head;
}

/** The chunks from a place on, with their data. */
function* chunksOf(
  view: DataView,
  start: number,
  end: number,
): Generator<{ at: number; data: number; size: number }> {
  for (let at = start; at + 8 <= end;) {
    const data = at + 8;
    const size = view.getUint32(at + 4, true);
    if (data + size > end) throw truncated("WebP", `byte ${data + size}`);
    yield { at, data, size };
    at = data + size + size % 2;
  }
}

/**
 * The WebP that an animation's first picture alone would be. Its alpha, which is not
 * read, is left out where it is a chunk of its own.
 */
function firstOf(
  picture: Uint8Array | undefined,
  { width, height }: { readonly width: number; readonly height: number },
): Uint8Array {
  if (!picture || picture.length < OF_PICTURE) {
    throw new SyntaxError("the WebP is animated, and has no picture in it");
  }
  const view = viewOf(picture);
  const sides = [
    (view.getUint32(6, true) & 0xffffff) + 1,
    (view.getUint32(8, true) >>> 8) + 1,
  ];
  if (sides[0] !== width || sides[1] !== height) {
    throw new SyntaxError(
      `the WebP is animated, and its first picture has ${
        sides.join(" × ")
      } of ${width} × ${height} pixels; save one of its pictures`,
    );
  }
  for (const { at, data, size } of chunksOf(view, OF_PICTURE, picture.length)) {
    const isImage = ["VP8 ", "VP8L"].some((name) => hasText(picture, at, name));
    if (!isImage) continue;
    const chunk = picture.subarray(at, data + size);
    const file = new Uint8Array(12 + chunk.length + size % 2);
    file.set(new TextEncoder().encode("RIFF\0\0\0\0WEBP"));
    viewOf(file).setUint32(4, file.length - 8, true);
    file.set(chunk, 12);
    if (file.length < SHORTEST) throw truncated("WebP", "its first picture");
    // A decoder would take memory for the image's own size before it is compared.
    const own = sizeOf(file, viewOf(file));
    if (own.width === width && own.height === height) return file;
    throw new SyntaxError(
      `the WebP is animated, and its first picture should have ${width} × ${height} pixels, but its image has ${own.width} × ${own.height}: it is damaged`,
    );
  }
  throw new SyntaxError("the WebP is animated, and has no picture in it");
}

/** The width and height in the first chunk. */
function sizeOf(
  bytes: Uint8Array,
  view: DataView,
): { width: number; height: number } {
  if (hasText(bytes, 12, "VP8X")) {
    // Width and height have 24 bits: bytes 24 to 26, and 27 to 29.
    return {
      width: (view.getUint32(24, true) & 0xffffff) + 1,
      height: (view.getUint32(26, true) >>> 8) + 1,
    };
  }
  if (hasText(bytes, 12, "VP8L")) {
    const sides = view.getUint32(21, true);
    return {
      width: (sides & 0x3fff) + 1,
      height: (sides >>> 14 & 0x3fff) + 1,
    };
  }
  if (hasText(bytes, 12, "VP8 ")) {
    return {
      width: view.getUint16(26, true) & 0x3fff,
      height: view.getUint16(28, true) & 0x3fff,
    };
  }
  throw new SyntaxError("the WebP has no image in it");
}
