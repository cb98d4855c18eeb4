import { orientationOf } from "../pictures/orientation.ts";
import { crc32 } from "./crc32.ts";
import { hasText, type ImageHead, truncated, viewOf } from "./image_file.ts";

/** Bytes of a chunk beside its data: length, name and checksum. */
const AROUND = 12;

const LAST = "its last chunk, IEND";

/**
 * The chunks of a PNG, up to the last one.
 *
 * @throws {SyntaxError} If it is truncated.
 */
function* chunksOf(
  bytes: Uint8Array,
): Generator<{ start: number; next: number }> {
  const view = viewOf(bytes);
  for (let start = 8;;) {
    if (start + AROUND > bytes.length) throw truncated("PNG", LAST);
    const next = start + AROUND + view.getUint32(start);
    if (next > bytes.length) throw truncated("PNG", LAST);
    yield { start, next };
    if (hasText(bytes, start + 4, "IEND")) return;
    start = next;
  }
}

/**
 * Compares the chunks of a PNG with their checksums.
 *
 * @throws {SyntaxError} If one is damaged.
 */
export function checkPng(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (const { start, next } of chunksOf(bytes)) {
    const sum = crc32(bytes.subarray(start + 4, next - 4));
    if (sum === view.getUint32(next - 4)) continue;
    throw new SyntaxError(
      `the PNG is damaged between bytes ${start} and ${next}: its checksum is another`,
    );
  }
}

/**
 * Reads the head of a PNG, and whether all of its chunks are there.
 *
 * Format: https://www.w3.org/TR/png-3/
 *
 * @throws {SyntaxError} If it is truncated, or has no header.
 */
export function readPngHead(bytes: Uint8Array): ImageHead {
  const view = viewOf(bytes);
  if (bytes.length < 33) throw truncated("PNG", LAST);
  if (view.getUint32(8) !== 13 || !hasText(bytes, 12, "IHDR")) {
    throw new SyntaxError("the PNG should begin with its header, IHDR");
  }
  let orientation: ImageHead["orientation"] = 1;
  for (const { start, next } of chunksOf(bytes)) {
    if (hasText(bytes, start + 4, "eXIf")) {
      orientation = orientationOf(bytes.subarray(start + 8, next - 4));
    }
  }
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    isCmyk: false,
    orientation,
  };
}
