import type * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** Maps all weights of a model, in order, to unique names. */
export function namesOfWeights(model: LayersModel): Map<tf.Variable, string> {
  const taken = new Set<string>();
  return new Map(model.weights.map((weight, i) => {
    const { originalName } = weight;
    const name = taken.has(originalName)
      ? `${originalName}#${i}`
      : originalName;
    taken.add(name);
    return [weight.read() as tf.Variable, name];
  }));
}
