import { inflateSync } from "node:zlib";

/** Pixels of a picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Such as `#ff0000`. */
  at(x: number, y: number): string;
  /** How many pixels have each color. */
  readonly colors: ReadonlyMap<string, number>;
}

/**
 * Reads a PNG of eight bits a channel with alpha, or of a palette; without
 * filters.
 */
export function readPNG(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const width = view.getUint32(16), height = view.getUint32(20);
  const isIndexed = bytes[25] === 3;
  const chunks = chunksOf(bytes);
  const palette = chunks.get("PLTE")!;
  const data = inflateSync(chunks.get("IDAT")!);
  const bits = isIndexed ? bytes[24]! : 32;
  const line = 1 + Math.ceil(width * bits / 8);
  const at = (x: number, y: number) => {
    const first = y * line + 1 + (x * bits >> 3);
    const place = data[first]! >> 8 - bits - x * bits % 8 & 2 ** bits - 1;
    const rgb = isIndexed
      ? palette.subarray(3 * place, 3 * place + 3)
      : data.subarray(first, first + 3);
    return `#${rgb.toHex()}`;
  };
  const colors = new Map<string, number>();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = at(x, y);
      colors.set(color, (colors.get(color) ?? 0) + 1);
    }
  }
  return { width, height, at, colors };
}

/** The contents of chunks by their types. */
function chunksOf(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < bytes.length;) {
    const size = view.getUint32(at);
    const type = new TextDecoder().decode(bytes.subarray(at + 4, at + 8));
    chunks.set(type, bytes.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  return chunks;
}
