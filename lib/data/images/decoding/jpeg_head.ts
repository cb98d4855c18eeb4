import { orientationOf } from "../pictures/orientation.ts";
import { viewOf } from "@lionjs/base";
import { hasText, type ImageHead, truncated } from "./image_file.ts";

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
const APPLICATION_1 = 0xe1;

/**
 * The most scans of a progressive JPEG. Encoders write about ten. One of a few bytes may
 * pass over all pixels, so that without a limit a small file takes hours.
 */
const MOST_SCANS = 100;

/** Markers without a length: restarts, the start of the image, and 1. */
function standsAlone(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd8 || marker === 1;
}

/** The frame header's markers, each of another process: all of 0xC0 to 0xCF but three. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf &&
    ![0xc4, 0xc8, 0xcc].includes(marker);
}

/**
 * Reads the head of a JPEG, and finds its end marker: decoders fill what is missing
 * of a truncated one with grey, and say nothing.
 *
 * Format: ITU-T T.81, annex B.
 */
export function readJpegHead(bytes: Uint8Array): ImageHead {
  const view = viewOf(bytes);
  let frame: { width: number; height: number; isCmyk: boolean } | undefined;
  let orientation: ImageHead["orientation"] = 1;
  let scans = 0;
  for (let at = 2;;) {
    const marker = bytes[at + 1];
    if (marker === undefined) throw truncated("JPEG", "its end marker");
    if (bytes[at] !== 0xff) {
      throw new SyntaxError(
        `the JPEG should have a marker at byte ${at}, got ${bytes[at]}`,
      );
    }
    if (marker === END_OF_IMAGE) break;
    if (marker === 0xff) { // filling before a marker
      at++;
      continue;
    }
    if (standsAlone(marker)) {
      at += 2;
      continue;
    }
    const end = at + 4 <= bytes.length ? at + 2 + view.getUint16(at + 2) : NaN;
    if (!(end <= bytes.length)) throw truncated("JPEG", "its end marker");
    if (isFrame(marker)) {
      if (end < at + 10) throw new SyntaxError("the JPEG's frame has no size");
      if (bytes[at + 4] !== 8) {
        throw new SyntaxError(
          `the JPEG has ${bytes[at + 4]} bits for each colour; save it with 8`,
        );
      }
      frame ??= {
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        isCmyk: bytes[at + 9] === 4,
      };
    }
    if (marker === APPLICATION_1 && hasText(bytes, at + 4, "Exif\0\0")) {
      orientation = orientationOf(bytes.subarray(at + 10, end));
    }
    if (marker === START_OF_SCAN && ++scans > MOST_SCANS) {
      throw new SyntaxError(
        `the JPEG has more than ${MOST_SCANS} scans, each of which takes the time of a whole picture: save it with fewer`,
      );
    }
    at = marker === START_OF_SCAN ? endOfScan(bytes, end) : end;
  }
  if (!frame || scans === 0) {
    throw new SyntaxError("the JPEG has no image in it");
  }
  return { ...frame, orientation };
}

/**
 * The index at which a scan's compressed data end: at the next marker that is
 * not part of them.
 */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = start;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) throw truncated("JPEG", "its end marker");
    const next = bytes[at + 1]!;
    // 255 and 0 stand for the value 255, and restart markers are part of the scan.
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    at += 2;
  }
}
