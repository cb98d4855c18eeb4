import { crc32, deflateSync } from "node:zlib";
import { concatenated } from "@lionjs/base";

/** Pixels in the format of `ImageData`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** The channels red, green, blue and alpha of each pixel, 0–255. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** The most colours of a PNG with a palette. */
export const PALETTE_SIZE = 256;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The PNG header of true colour: eight bits each for red, green, blue and alpha; no interlacing. */
const TRUE_COLOR = [8, 6, 0, 0, 0];
/** The rest of the PNG header of a palette, after the bits of an index into opaque colours. */
const INDEXED = [3, 0, 0, 0];

/**
 * Encodes pixels as a PNG file. Up to 256 opaque colours become a palette, which
 * halves the file, and up to 16 take half a byte a pixel or less.
 */
export function encodePNG(pixels: Pixels): Uint8Array {
  const { width, height, data } = pixels;
  const { palette, places } = paletteOf(pixels) ?? {};
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  const bits = palette ? bitsFor(palette.length / 3) : 8;
  header.set(palette ? [bits, ...INDEXED] : TRUE_COLOR, 8);
  const lines = linesOf(places ? packed(places, width, bits) : data, height);
  return concatenated([
    Uint8Array.from(PNG_SIGNATURE),
    pngChunk("IHDR", header),
    ...palette ? [pngChunk("PLTE", palette)] : [],
    pngChunk("IDAT", deflateSync(lines, { level: 9, memLevel: 9 })),
    pngChunk("IEND", new Uint8Array()),
  ]);
}

/** The palette of pixels, as red, green and blue of each colour, and each pixel's index in it. */
function paletteOf(
  { data }: Pixels,
): { palette: Uint8Array; places: Uint8Array } | undefined {
  const palette: number[] = [];
  const known = new Map<number, number>();
  const places = new Uint8Array(data.length / 4);
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] !== 255) return undefined;
    const color = data[at]! << 16 | data[at + 1]! << 8 | data[at + 2]!;
    let place = known.get(color);
    if (place === undefined) {
      place = known.size;
      if (place === PALETTE_SIZE) return undefined;
      known.set(color, place);
      palette.push(...data.subarray(at, at + 3));
    }
    places[at / 4] = place;
  }
  return { palette: Uint8Array.from(palette), places };
}

/** The fewest bits of a PNG's palette index that distinguish `colors` colours. */
function bitsFor(colors: number): number {
  return [1, 2, 4].find((bits) => colors <= 2 ** bits) ?? 8;
}

/**
 * Writes indices of `bits` bits into bytes, the first in the highest bits; each
 * row starts a byte.
 */
function packed(places: Uint8Array, width: number, bits: number): Uint8Array {
  if (bits === 8) return places;
  const length = Math.ceil(width * bits / 8);
  const rows = new Uint8Array(length * places.length / width);
  for (const [at, place] of places.entries()) {
    const bit = at % width * bits;
    const byte = Math.floor(at / width) * length + (bit >> 3);
    rows[byte]! |= place << 8 - bits - bit % 8;
  }
  return rows;
}

/** The rows of a picture, each after the byte 0, which means no filter. */
function linesOf(data: ArrayLike<number>, height: number): Uint8Array {
  const length = data.length / height;
  const bytes = Uint8Array.from(data);
  const lines = new Uint8Array((length + 1) * height);
  for (let row = 0; row < height; row++) {
    const line = bytes.subarray(length * row, length * (row + 1));
    lines.set(line, (length + 1) * row + 1);
  }
  return lines;
}

/** A chunk of a PNG file: length, type, data, and a checksum of the latter two. */
function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const body = concatenated([new TextEncoder().encode(type), data]);
  const length = new Uint8Array(4), check = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, data.length);
  new DataView(check.buffer).setUint32(0, crc32(body));
  return concatenated([length, body, check]);
}
