/** The orientation in which a camera held a picture, by EXIF. @module */
import type { Picture } from "./picture.ts";

/** EXIF's numbers: 1 is upright, 2 to 8 are the other turns and mirrors of a rectangle. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const TAG = 0x0112;
const SHORT = 3;

/** The orientation that EXIF data name; 1 if they name none, or are damaged. */
export function orientationOf(exif: Uint8Array): Orientation {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (exif.length < 8) return 1;
  const isLittle = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, isLittle);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > exif.length) return 1;
    if (view.getUint16(entry, isLittle) !== TAG) continue;
    const value = view.getUint16(entry + 8, isLittle);
    const isNamed = view.getUint16(entry + 2, isLittle) === SHORT &&
      value >= 1 && value <= 8;
    return isNamed ? value as Orientation : 1;
  }
  return 1;
}

export function upright(picture: Picture, orientation: Orientation): Picture {
  if (orientation === 1) return picture;
  const { width, height, pixels } = picture;
  const isTransposed = orientation >= 5;
  // The corner of the source at which the result begins, and the steps in the
  // source along its axes.
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const alongRow = fromRight ? -1 : 1;
  const alongColumn = fromBottom ? -width : width;
  const [right, down] = isTransposed
    ? [alongColumn, alongRow]
    : [alongRow, alongColumn];
  const [newWidth, newHeight] = isTransposed
    ? [height, width]
    : [width, height];
  const result = new Uint8Array(pixels.length);
  const start = (fromBottom ? (height - 1) * width : 0) +
    (fromRight ? width - 1 : 0);
  let to = 0;
  for (let y = 0; y < newHeight; y++) {
    let from = start + y * down;
    for (let x = 0; x < newWidth; x++, from += right) {
      for (let c = 0; c < 3; c++) result[to++] = pixels[3 * from + c]!;
    }
  }
  return { width: newWidth, height: newHeight, pixels: result };
}
