/** A guard that lets only one training at a time change a model's weights. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** The weights that a training is changing now, which models can share. */
const taken = new WeakSet<object>();

/** The property of a model by which `fit` knows that it is running. */
interface Fit {
  isTraining: boolean;
}

/**
 * Reserves a model's weights until they are released; `model.fit` then refuses
 * to run, too.
 *
 * @returns A function that releases them.
 * @throws {RangeError} If another training or `model.fit` has reserved them.
 */
export function takeWeights(model: LayersModel): () => void {
  const { trainableWeights: weights } = model;
  // A tf.Sequential is trained through the model inside it.
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
