/** Reduction of a picture's colours to a palette. @module */
import { PALETTE_SIZE, type Pixels } from "./png.ts";

/** The most by which a channel of a rare colour may change, of 255: invisible at an edge. */
const FARTHEST = 12;

/** The most colours of a drawing; a picture with more is a photograph, and stays unchanged. */
const MOST_COLORS = 4096;

/**
 * Reduces a drawing to at most 256 colours. Along the edges of lines and letters lie
 * mixed colours, each in few pixels: they are replaced by the closest frequent
 * colours, within the least distance at which 256 suffice. The pixels are returned
 * unchanged if that is too far, or if some are transparent.
 */
export function inFewColors(pixels: Pixels): Pixels {
  const { buffer, byteOffset, length } = pixels.data;
  const colors = new Uint32Array(buffer.slice(byteOffset, byteOffset + length));
  const counts = new Map<number, number>();
  for (const color of colors) {
    counts.set(color, (counts.get(color) ?? 0) + 1);
    if (counts.size > MOST_COLORS) return pixels;
  }
  if (counts.size <= PALETTE_SIZE) return pixels;
  const frequentFirst = [...counts].sort(([, a], [, b]) => b - a)
    .map(([color]) => color);
  if (frequentFirst.some((color) => channel(color, 3) !== 255)) return pixels;
  for (let farthest = 1; farthest <= FARTHEST; farthest++) {
    const closest = closestFrequent(frequentFirst, farthest);
    if (!closest) continue;
    const data = new Uint8Array(
      colors.map((color) => closest.get(color)!).buffer,
    );
    return { ...pixels, data };
  }
  return pixels;
}

/** Maps each colour to the frequent one that replaces it; undefined if 256 do not suffice. */
function closestFrequent(
  frequentFirst: readonly number[],
  farthest: number,
): Map<number, number> | undefined {
  const kept: number[] = [];
  const closest = new Map<number, number>();
  for (const color of frequentFirst) {
    let found: number | undefined;
    let least = farthest + 1;
    for (const candidate of kept) {
      const apart = distance(color, candidate);
      if (apart < least) [found, least] = [candidate, apart];
    }
    if (found === undefined) {
      if (kept.length === PALETTE_SIZE) return undefined;
      kept.push(found = color);
    }
    closest.set(color, found);
  }
  return closest;
}

/** The largest difference between red, green or blue of two colours. */
function distance(one: number, other: number): number {
  let largest = 0;
  for (let at = 0; at < 3; at++) {
    const apart = Math.abs(channel(one, at) - channel(other, at));
    if (apart > largest) largest = apart;
  }
  return largest;
}

/** A channel of a pixel: red, green, blue or alpha, in the order of its bytes. */
function channel(color: number, at: number): number {
  return color >>> 8 * at & 255;
}
