import { orientationOf } from "../pictures/orientation.ts";
import { hasText, type ImageHead, truncated, viewOf } from "./image_file.ts";

const IS_ANIMATED = 2;

/**
 * Reads the head of a WebP, and whether all of its chunks are there.
 *
 * Format: RFC 9649.
 *
 * @throws {SyntaxError} If it is truncated, animated, or has no image.
 */
export function readWebpHead(bytes: Uint8Array): ImageHead {
  const view = viewOf(bytes);
  if (bytes.length < 30) throw truncated("WebP", "its first chunk");
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw truncated("WebP", `byte ${end}`);
  let orientation: ImageHead["orientation"] = 1;
  for (let at = 12; at + 8 <= end;) {
    const data = at + 8;
    const size = view.getUint32(at + 4, true);
    if (data + size > end) throw truncated("WebP", `byte ${data + size}`);
    if (hasText(bytes, at, "EXIF")) {
      // Some writers repeat JPEG's introduction.
      const start = hasText(bytes, data, "Exif\0\0") ? data + 6 : data;
      orientation = orientationOf(bytes.subarray(start, data + size));
    }
    at = data + size + size % 2;
  }
  return { ...sizeOf(bytes, view), isCmyk: false, orientation };
}

/** The sides, which the first chunk has. */
function sizeOf(
  bytes: Uint8Array,
  view: DataView,
): { width: number; height: number } {
  if (hasText(bytes, 12, "VP8X")) {
    if (bytes[20]! & IS_ANIMATED) {
      throw new SyntaxError("the WebP is animated; save one of its pictures");
    }
    // Both have 24 bits: bytes 24 to 26, and 27 to 29.
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
