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

/** Reads a PNG of eight bits a channel, with alpha and no filters. */
export function readPNG(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const width = view.getUint32(16), height = view.getUint32(20);
  const [header, size] = [8 + 12 + 13, view.getUint32(8 + 12 + 13)];
  const data = inflateSync(bytes.subarray(header + 8, header + 8 + size));
  const at = (x: number, y: number) => {
    const first = y * (4 * width + 1) + 1 + 4 * x;
    return `#${data.subarray(first, first + 3).toString("hex")}`;
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
