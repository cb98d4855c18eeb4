import * as tf from "@tensorflow/tfjs-core";
import { seeded } from "../../batches/random.ts";
import type { Batch } from "../../batches/stream.ts";
import { erase, eraseStepsOf } from "../transforms/erase.ts";
import type { Example } from "./gather.ts";
import type { JobSettings } from "./image_job.ts";
import type { Normalise } from "./normalise.ts";

/** Makes tensors of decoded images, and does the steps that come after normalising. */
export function toBatch(
  examples: readonly Example[],
  { side, transform }: JobSettings,
  normalise: Normalise,
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
  return {
    inputs: [tf.tensor4d(pictures, [size, side, side, 3])],
    labels: tf.tensor1d(examples.map(({ label }) => label), "int32"),
    size,
  };
}
