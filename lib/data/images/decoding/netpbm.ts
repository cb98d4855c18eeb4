/** PPM and PGM: pixels as they are, after a header of text. @module */
import { roundHalfToEven } from "../pictures/crop.ts";
import type { Picture } from "../pictures/picture.ts";
import { fromGrey } from "./channels.ts";
import { viewOf } from "@lionjs/base";
import { hasText, type ImageHead, truncated } from "./image_file.ts";

interface NetpbmHeader {
  readonly type: "PPM" | "PGM";
  readonly width: number;
  readonly height: number;
  /** The value of white. */
  readonly most: number;
  /** The offset of the first pixel, in bytes. */
  readonly start: number;
}

/** The most digits of a number, as in Pillow. */
const LONGEST_NUMBER = 10;

/**
 * Reads the head of a PPM or a PGM, and whether all of its pixels are there.
 *
 * Format: https://netpbm.sourceforge.net/doc/ppm.html and pgm.html; where comments
 * may be, Pillow's `PpmImagePlugin.py` (HPND) says.
 */
export function readNetpbmHead(bytes: Uint8Array): ImageHead {
  const header = headerOf(bytes);
  const { type, width, height, start } = header;
  if (start + width * height * bytesPerPixel(header) > bytes.length) {
    throw truncated(type, "its last pixel");
  }
  return { width, height, isCmyk: false, orientation: 1 };
}

/** Decodes a PPM or PGM file whose head {@linkcode readNetpbmHead} has read. */
export function decodeNetpbm(bytes: Uint8Array): Picture {
  const header = headerOf(bytes);
  const { type, width, height, start } = header;
  const end = start + width * height * bytesPerPixel(header);
  const data = bytesOfValues(
    new Uint8Array(bytes.subarray(start, end)),
    header,
  );
  return type === "PGM"
    ? fromGrey({ width, height, data })
    : { width, height, pixels: data };
}

function bytesPerPixel({ type, most }: NetpbmHeader): number {
  return (type === "PPM" ? 3 : 1) * (most > 255 ? 2 : 1);
}

function headerOf(bytes: Uint8Array): NetpbmHeader {
  const type = hasText(bytes, 0, "P6") ? "PPM" : "PGM";
  if (!isBlank(bytes[2])) {
    throw new SyntaxError(
      `the ${type} should have a blank after P${bytes[1]! - 48}, got ${
        bytes[2] === undefined ? "its end" : `the byte ${bytes[2]}`
      }`,
    );
  }
  let start = 3;
  const number = (what: string) => {
    const { text, end } = wordFrom(bytes, start);
    if (text === "") throw truncated(type, "the end of its header");
    if (!/^\d+$/.test(text) || text.length > LONGEST_NUMBER) {
      throw new SyntaxError(
        `the ${type} should have ${what} in digits, got ${
          JSON.stringify(text)
        }`,
      );
    }
    start = end;
    return Number(text);
  };
  const [width, height, most] = [
    number("its width"),
    number("its height"),
    number("the value of white"),
  ];
  if (most < 1 || most > 65_535) {
    throw new SyntaxError(
      `the ${type} should have a value of white from 1 to 65535, got ${most}`,
    );
  }
  return { type, width, height, most, start };
}

/** Blanks, tabs and the ends of lines. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte !== undefined && byte >= 9 && byte <= 13;
}

/** The next word, without comments, and where the byte after its blank is. */
function wordFrom(
  bytes: Uint8Array,
  start: number,
): { text: string; end: number } {
  let text = "";
  let end = start;
  while (end < bytes.length && text.length <= LONGEST_NUMBER) {
    const byte = bytes[end++]!;
    if (byte === 0x23) { // "#", up to the end of its line
      while (end < bytes.length && bytes[end] !== 10 && bytes[end] !== 13) {
        end++;
      }
      end++;
    } else if (!isBlank(byte)) text += String.fromCharCode(byte);
    else if (text !== "") break;
  }
  return { text, end };
}

/**
 * The values of pixels as 8 bits. Of grey with 16 bits the high byte is kept, as of
 * a PNG's; all other values are scaled as Pillow does.
 */
function bytesOfValues(
  data: Uint8Array<ArrayBuffer>,
  { type, most }: NetpbmHeader,
): Uint8Array<ArrayBuffer> {
  if (most === 255) return data;
  if (most < 255) return data.map((value) => scaled(value, most, 255));
  const view = viewOf(data);
  return Uint8Array.from({ length: data.length / 2 }, (_, i) => {
    const value = view.getUint16(2 * i);
    return type === "PGM"
      ? scaled(value, most, 65_535) >> 8
      : scaled(value, most, 255);
  });
}

function scaled(value: number, most: number, white: number): number {
  return Math.min(white, roundHalfToEven(value / most * white));
}
