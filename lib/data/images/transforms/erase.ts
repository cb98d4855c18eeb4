/** Random erasing, of pictures that have been normalised. @module */
import { below, normal, type Random } from "../../batches/random.ts";
import { roundHalfToEven } from "../pictures/crop.ts";
import { within, withinRatios } from "./random_resized_crop.ts";
import type { EraseStep, Transform } from "./transform.ts";

/** The most draws of a rectangle until one fits. */
const ATTEMPTS = 10;

export function eraseStepsOf(transform: Transform): EraseStep[] {
  return transform.filter((step) => step.step === "erase");
}

/**
 * Puts noise into a rectangle of a picture, or leaves it as it is.
 *
 * Source: Zhong et al. 2017 (arXiv:1708.04896); timm's `RandomErasing`.
 *
 * @param values `[side, side, 3]`, normalised.
 */
export function erase(
  values: Float32Array,
  side: number,
  { probability, area, ratio }: EraseStep,
  random: Random,
): void {
  if (random() >= probability) return;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pixels = side * side * within(area, random);
    const aspect = withinRatios(ratio, random);
    const height = roundHalfToEven(Math.sqrt(pixels * aspect));
    const width = roundHalfToEven(Math.sqrt(pixels / aspect));
    if (height >= side || width >= side) continue;
    const top = below(side - height + 1, random);
    const left = below(side - width + 1, random);
    const noise = normalNoise(random);
    for (let row = top; row < top + height; row++) {
      const start = 3 * (row * side + left);
      for (let i = start; i < start + 3 * width; i++) values[i] = noise();
    }
    return;
  }
}

/**
 * Normal noise of mean 0 and deviation 1, of a generator that is many times as fast as
 * the one that starts it: a rectangle takes tens of thousands of numbers.
 *
 * Source of the generator: Doty-Humphrey's `sfc32`, of PractRand (public domain).
 */
function normalNoise(random: Random): () => number {
  let a = below(2 ** 32, random), b = below(2 ** 32, random);
  let c = below(2 ** 32, random), counter = 1;
  const uniform = () => {
    const next = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + next) | 0;
    return (next >>> 0) / 2 ** 32;
  };
  return () => normal(uniform);
}
