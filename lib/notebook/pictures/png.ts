import { crc32, deflateSync } from "node:zlib";

/** Pixels in the format of `ImageData`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha of each pixel, 0–255. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Eight bits each of red, green, blue and alpha; no interlacing. */
const PNG_FORMAT = [8, 6, 0, 0, 0];

/** Encodes pixels as a PNG file. */
export function encodePNG({ width, height, data }: Pixels): Uint8Array {
  const lines = new Uint8Array((4 * width + 1) * height);
  for (let row = 0; row < height; row++) {
    const line = data.subarray(4 * width * row, 4 * width * (row + 1));
    // The byte before each row stays 0: no filter.
    lines.set(line, (4 * width + 1) * row + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set(PNG_FORMAT, 8);
  return concatenate([
    Uint8Array.from(PNG_SIGNATURE),
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(lines, { level: 9 })),
    pngChunk("IEND", new Uint8Array()),
  ]);
}

/** A chunk: length, type, data, and a checksum of the latter two. */
function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const body = concatenate([new TextEncoder().encode(type), data]);
  const length = new Uint8Array(4), check = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, data.length);
  new DataView(check.buffer).setUint32(0, crc32(body));
  return concatenate([length, body, check]);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
