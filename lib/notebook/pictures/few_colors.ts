/** Pictures in so few colours that a palette holds them. @module */
import { PALETTE_SIZE, type Pixels } from "./png.ts";

/** How far a channel of a rare colour may move, of 255: no eye sees it at an edge. */
const FARTHEST = 12;

/** What has more colours is no drawing, but a photograph, and stays as it is. */
const MOST_COLORS = 4096;

/**
 * A drawing in at most 256 colours. Where lines and letters meet the paper there
 * are mixed colours, each of which few pixels have: they become the closest of
 * the frequent ones, which stay, at the least distance at which 256 suffice.
 * Pixels come back as they are if that is too far, or if some are transparent.
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

/** For each colour the one that stands for it, if 256 stand for all. */
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

/** Red, green, blue or alpha of a pixel, in the order of its bytes. */
function channel(color: number, at: number): number {
  return color >>> 8 * at & 255;
}
