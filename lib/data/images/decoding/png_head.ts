import { orientationOf } from "../pictures/orientation.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { viewOf } from "@lionjs/base";
import { hasText, type ImageHead, truncated } from "./image_file.ts";

/** Bytes of a chunk besides the data: its length, name and checksum. */
const AROUND = 12;

const LAST = "its last chunk, IEND";

/** The chunks of a PNG, up to the last one. */
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

/** Compares the chunks of a PNG with their checksums. */
export function checkPng(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (const { start, next } of chunksOf(bytes)) {
    const sum = crc32(bytes.subarray(start + 4, next - 4));
    if (sum === view.getUint32(next - 4)) continue;
    throw new SyntaxError(
      `the PNG is damaged between bytes ${start} and ${next}: its checksum does not match`,
    );
  }
}

/** The number of values of a pixel, by the type of its colour. */
const VALUES: Readonly<Record<number, number>> = {
  0: 1,
  2: 3,
  3: 1,
  4: 2,
  6: 4,
};

/**
 * The most bytes that one compressed byte can stand for: deflate has 258 bytes
 * in two bits.
 */
const MOST_DEFLATED = 1032;

/**
 * Reads the head of a PNG, and whether all of its chunks are there, with data for its
 * pixels: memory for all of them is taken before a decoder finds that there are none.
 *
 * Format: https://www.w3.org/TR/png-3/
 */
export function readPngHead(bytes: Uint8Array): ImageHead {
  const view = viewOf(bytes);
  if (bytes.length < 33) throw truncated("PNG", LAST);
  if (view.getUint32(8) !== 13 || !hasText(bytes, 12, "IHDR")) {
    throw new SyntaxError("the PNG should begin with its header, IHDR");
  }
  let orientation: ImageHead["orientation"] = 1;
  let data = 0;
  for (const { start, next } of chunksOf(bytes)) {
    if (hasText(bytes, start + 4, "IDAT")) data += next - start - AROUND;
    if (hasText(bytes, start + 4, "eXIf")) {
      orientation = orientationOf(bytes.subarray(start + 8, next - 4));
    }
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const bits = bytes[24]! * (VALUES[bytes[25]!] ?? 1);
  if (width * height * bits / 8 > MOST_DEFLATED * data) {
    throw new SyntaxError(
      `the PNG has ${width} × ${height} pixels by its header, and too little data for them: it is damaged`,
    );
  }
  return { width, height, isCmyk: false, orientation };
}
