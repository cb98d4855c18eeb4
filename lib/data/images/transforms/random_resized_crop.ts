import { below, type Random } from "../../batches/random.ts";
import { roundHalfToEven } from "../pictures/crop.ts";
import type { Region } from "../pictures/resample.ts";
import type { Range } from "./transform.ts";

/** The most draws of a part until one fits. */
const ATTEMPTS = 10;

/** Draws a number of a range, all equally likely. */
export function within([least, greatest]: Range, random: Random): number {
  return least + (greatest - least) * random();
}

/** Draws a number of a range whose logarithms are equally likely. */
export function withinRatios(
  [least, greatest]: Range,
  random: Random,
): number {
  return Math.exp(within([Math.log(least), Math.log(greatest)], random));
}

/**
 * Draws the part of a picture for a random resized crop; where none fits in ten
 * attempts, the largest part in the middle whose sides are within `ratio`.
 *
 * Source: torchvision's `RandomResizedCrop.get_params`.
 */
export function drawRegion(
  { width, height }: { width: number; height: number },
  { scale, ratio }: { scale: Range; ratio: Range },
  random: Random,
): Region {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * within(scale, random);
    const aspect = withinRatios(ratio, random);
    const w = roundHalfToEven(Math.sqrt(area * aspect));
    const h = roundHalfToEven(Math.sqrt(area / aspect));
    if (w <= 0 || h <= 0 || w > width || h > height) continue;
    const top = below(height - h + 1, random);
    const left = below(width - w + 1, random);
    return { left, top, width: w, height: h };
  }
  const [narrowest, widest] = ratio;
  // A part of a very narrow picture has one pixel at least.
  const side = (pixels: number) => Math.max(1, roundHalfToEven(pixels));
  const w = width / height > widest ? side(height * widest) : width;
  const h = width / height < narrowest ? side(width / narrowest) : height;
  return {
    left: Math.floor((width - w) / 2),
    top: Math.floor((height - h) / 2),
    width: w,
    height: h,
  };
}
