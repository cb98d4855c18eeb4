import * as tf from "@tensorflow/tfjs-core";
import { type Random, seeded } from "../../batches/random.ts";
import type { Batch } from "../../batches/stream.ts";
import { erase, eraseStepsOf } from "../transforms/erase.ts";
import type { Example } from "./gather.ts";
import type { JobSettings } from "./image_job.ts";
import { drawMix, type Mix, mixPictures } from "./mix.ts";
import { mixTargets } from "./mix_targets.ts";
import type { Normalise } from "./normalise.ts";

/** How the pictures of a batch are mixed, and its random numbers. */
export interface Mixing {
  readonly mix: Mix;
  readonly random: Random;
}

/**
 * Makes tensors of decoded images, does the steps that come after normalising, and then
 * mixes them, if they are mixed.
 */
export function toBatch(
  examples: readonly Example[],
  { side, transform }: JobSettings,
  normalise: Normalise,
  mixing?: Mixing,
): Batch {
  const size = examples.length;
  const values = 3 * side * side;
  const pictures = new Float32Array(size * values);
  const steps = eraseStepsOf(transform);
  examples.forEach(({ pixels, seed }, i) => {
    normalise(pixels, pictures, i * values);
    const picture = pictures.subarray(i * values, (i + 1) * values);
    for (const step of steps) erase(picture, side, step, seeded("erase", seed));
  });
  const classes = examples.map(({ label }) => label);
  const targets = mixing && mixed(pictures, classes, side, mixing);
  return {
    inputs: [tf.tensor4d(pictures, [size, side, side, 3])],
    labels: targets
      ? tf.tensor2d(targets, [size, mixing.mix.classes])
      : tf.tensor1d(classes, "int32"),
    size,
  };
}

/** Mixes pictures in place; returns their labels, `[size, classes]`. */
function mixed(
  pictures: Float32Array,
  labels: readonly number[],
  side: number,
  { mix, random }: Mixing,
): Float32Array {
  const drawn = drawMix(mix, side, random);
  mixPictures(pictures, labels.length, side, drawn);
  const { classes, smoothing } = mix;
  return mixTargets(labels, { lambda: drawn.lambda, classes, smoothing });
}
