/**
 * Pillow's resampling, byte by byte: the coefficients of a filter in fixed point,
 * rows first, then columns, each rounded to 8 bits.
 *
 * Source: Pillow's `src/libImaging/Resample.c` (HPND), whose arithmetic this follows.
 *
 * @module
 */
import type { Filter } from "./filters.ts";
import { MOST_PIXELS, type Picture, UnfitPictureError } from "./picture.ts";

/** A rectangle of a picture, in pixels: a whole number of them for {@linkcode Region}s. */
export interface Region {
  /** The first column. */
  readonly left: number;
  /** The first row. */
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Fraction bits of a weight: 8 bits of a pixel and 2 of head room are left of 32. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** The weights of pixels in each new pixel, along one axis. */
interface Weights {
  /** The most weights of a new pixel, for which `values` has room. */
  readonly most: number;
  /** The first pixel that each new pixel is made of. */
  readonly first: Int32Array;
  /** The number of pixels that each new pixel is made of. */
  readonly count: Int32Array;
  /** The weights in fixed point, `[new pixels, most]`. */
  readonly values: Int32Array;
}

/**
 * The weights along an axis.
 *
 * @param from Where the part to resample begins, not always at a pixel.
 */
function weightsOf(
  { size, from, to, newSize }: {
    size: number;
    from: number;
    to: number;
    newSize: number;
  },
  filter: Filter,
): Weights {
  // Pillow holds a box in single precision, and subtracts in it.
  const begin = Math.fround(from);
  const scale = Math.fround(Math.fround(to) - begin) / newSize;
  const filterScale = Math.max(1, scale);
  const support = filter.support * filterScale;
  const most = Math.ceil(support) * 2 + 1;
  const perPixel = 1 / filterScale;
  const first = new Int32Array(newSize);
  const count = new Int32Array(newSize);
  const values = new Int32Array(newSize * most);
  const exact = new Float64Array(most);
  for (let i = 0; i < newSize; i++) {
    const centre = begin + (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = 0; j < end - start; j++) {
      exact[j] = filter.weight((j + start - centre + 0.5) * perPixel);
      sum += exact[j]!;
    }
    for (let j = 0; j < end - start; j++) {
      const weight = (sum === 0 ? exact[j]! : exact[j]! / sum) *
        (1 << PRECISION);
      values[i * most + j] = Math.trunc(
        weight < 0 ? weight - 0.5 : weight + 0.5,
      );
    }
    first[i] = start;
    count[i] = end - start;
  }
  return { most, first, count, values };
}

/**
 * Resamples a region of a picture, whose pixels beyond the region do not count.
 *
 * @param box The part of the region to resample, in its pixels: left, top, right and
 * bottom. Pixels of the region beyond it count where the filter reaches them.
 * @returns The new picture, always with pixels of its own.
 * @throws {RangeError} If it, or what the first pass makes, has too many pixels: a line
 * one pixel wide is brought to a side of 256 by a picture of gigabytes.
 */
export function resample(
  picture: Picture,
  region: Region,
  width: number,
  height: number,
  filter: Filter,
  box: readonly [number, number, number, number] = [
    0,
    0,
    region.width,
    region.height,
  ],
): Picture {
  const [left, top, right, bottom] = box;
  if (width * Math.max(height, Math.ceil(bottom - top)) > MOST_PIXELS) {
    throw new UnfitPictureError(
      `a picture of ${region.width} × ${region.height} pixels cannot be resized to ${width} × ${height}, which takes more than ${MOST_PIXELS} pixels; crop it first`,
    );
  }
  const columns = weightsOf(
    { size: region.width, from: left, to: right, newSize: width },
    filter,
  );
  const rows = weightsOf(
    { size: region.height, from: top, to: bottom, newSize: height },
    filter,
  );
  const bytes = 3 * width;
  // The first pass resamples only those rows that the second pass reads.
  const firstRow = rows.first[0]!;
  const lastRow = rows.first[height - 1]! + rows.count[height - 1]!;
  const across = new Uint8ClampedArray((lastRow - firstRow) * bytes);
  resampleRows(
    picture,
    {
      start: 3 * ((region.top + firstRow) * picture.width + region.left),
      count: lastRow - firstRow,
    },
    columns,
    across,
  );
  const pixels = new Uint8Array(height * bytes);
  resampleColumns(across, firstRow, rows, new Uint8ClampedArray(pixels.buffer));
  return { width, height, pixels };
}

/** Resamples rows of a picture, two at a time, so that weights are read once for both. */
function resampleRows(
  { pixels, width }: Picture,
  { start, count: rowCount }: { start: number; count: number },
  { most, first, count, values }: Weights,
  result: Uint8ClampedArray,
): void {
  const stride = 3 * width;
  const newWidth = first.length;
  for (let row = 0; row < rowCount; row += 2) {
    // If the number of rows is odd, the last row is computed twice.
    const next = row + 1 < rowCount ? stride : 0;
    const place = start + row * stride;
    let to = row * 3 * newWidth;
    const toNext = next === 0 ? 0 : 3 * newWidth;
    for (let i = 0; i < newWidth; i++, to += 3) {
      let r = HALF, g = HALF, b = HALF;
      let nextR = HALF, nextG = HALF, nextB = HALF;
      let from = place + 3 * first[i]!;
      const end = i * most + count[i]!;
      for (let j = i * most; j < end; j++, from += 3) {
        const weight = values[j]!;
        r = (r + Math.imul(pixels[from]!, weight)) | 0;
        g = (g + Math.imul(pixels[from + 1]!, weight)) | 0;
        b = (b + Math.imul(pixels[from + 2]!, weight)) | 0;
        const below = from + next;
        nextR = (nextR + Math.imul(pixels[below]!, weight)) | 0;
        nextG = (nextG + Math.imul(pixels[below + 1]!, weight)) | 0;
        nextB = (nextB + Math.imul(pixels[below + 2]!, weight)) | 0;
      }
      result[to] = r >> PRECISION;
      result[to + 1] = g >> PRECISION;
      result[to + 2] = b >> PRECISION;
      result[to + toNext] = nextR >> PRECISION;
      result[to + toNext + 1] = nextG >> PRECISION;
      result[to + toNext + 2] = nextB >> PRECISION;
    }
  }
}

/**
 * Resamples columns: a new row is a weighted sum of rows, of which four are
 * read at once.
 */
function resampleColumns(
  across: Uint8ClampedArray,
  firstRow: number,
  { most, first, count, values }: Weights,
  result: Uint8ClampedArray,
): void {
  const bytes = result.length / first.length;
  const sums = new Int32Array(bytes);
  for (let i = 0; i < first.length; i++) {
    sums.fill(HALF);
    let from = (first[i]! - firstRow) * bytes;
    let j = i * most;
    const end = j + count[i]!;
    for (; j + 3 < end; j += 4, from += 4 * bytes) {
      const w0 = values[j]!, w1 = values[j + 1]!;
      const w2 = values[j + 2]!, w3 = values[j + 3]!;
      const second = from + bytes, third = second + bytes;
      const fourth = third + bytes;
      for (let k = 0; k < bytes; k++) {
        sums[k] = sums[k]! + Math.imul(across[from + k]!, w0) +
          Math.imul(across[second + k]!, w1) +
          Math.imul(across[third + k]!, w2) +
          Math.imul(across[fourth + k]!, w3);
      }
    }
    for (; j < end; j++, from += bytes) {
      const weight = values[j]!;
      for (let k = 0; k < bytes; k++) {
        sums[k] = sums[k]! + Math.imul(across[from + k]!, weight);
      }
    }
    const to = i * bytes;
    for (let k = 0; k < bytes; k++) result[to + k] = sums[k]! >> PRECISION;
  }
}
