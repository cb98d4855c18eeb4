/** Makes the weights that the page ships with. @module */
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@lionjs/lion";
import { loadMnist } from "@lionjs/lion/datasets";
import { toPyTorchWeights, writeSafetensors } from "@lionjs/lion/io";
import { interruptSignal } from "@lionjs/lion/notebook";
import { digitModel } from "../../site/digit_model.ts";
import { predict, share } from "../demo/measure.ts";
import { trainOn } from "../demo/model.ts";

const COURSE = { epochs: 2, seed: 1 };

/**
 * Trains on MNIST, and writes the weights in half precision.
 *
 * @param file Where to.
 * @returns The share of the 10,000 test images that is classified correctly.
 */
export async function trainDigits(file: URL): Promise<number> {
  await useBackend({ prefer: ["wasm"] });
  const { train: all, test } = await loadMnist();
  const model = digitModel(COURSE.seed);
  await trainOn(model, all.slice(0, 55_000), all.slice(55_000), {
    ...COURSE,
    signal: interruptSignal(),
  });
  const accuracy = share(await predict(model, test), test.labels);
  const weights = Object.fromEntries(toPyTorchWeights(model));
  await writeSafetensors(file, weights, {
    precision: "F16",
    metadata: {
      made: "deno task site --train",
      data: "MNIST",
      accuracy: accuracy.toFixed(4),
    },
  });
  tf.dispose(weights);
  model.dispose();
  return accuracy;
}
