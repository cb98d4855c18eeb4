/** One training at a time changes a model's weights. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** The weights that a training changes now, also of models that share layers. */
const taken = new WeakSet<object>();

/** The part of a model by which `fit` knows that it is running. */
interface Fit {
  isTraining: boolean;
}

/**
 * Takes a model's weights until they are released. `model.fit` then refuses, too.
 *
 * @returns Releases them.
 * @throws {RangeError} If a training has them, or `model.fit`.
 */
export function takeWeights(model: LayersModel): () => void {
  const { trainableWeights: weights } = model;
  // A tf.Sequential is trained as the model in it.
  const { model: inner = model } = model as { model?: object };
  const fit = inner as Fit;
  const other = weights.find((weight) => taken.has(weight));
  if (other || fit.isTraining) {
    throw new RangeError(
      `model ${model.name} should be in one training at a time, and ${
        other ? `its weight ${other.name} is in another` : "model.fit runs"
      }: wait until that has ended`,
    );
  }
  fit.isTraining = true;
  for (const weight of weights) taken.add(weight);
  return () => {
    fit.isTraining = false;
    for (const weight of weights) taken.delete(weight);
  };
}
