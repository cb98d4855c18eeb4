import type * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { assertModel, shown } from "@lionjs/base";
import { namesOfWeights } from "./weight_names.ts";

/**
 * Makes learning rates fall from a model's output to its input, for
 * fine-tuning. The factor is 1 for layers after the blocks, such as a new head,
 * `decay` for the last block, `decay`² for the one before it, and so on; the
 * embeddings' is the smallest.
 *
 * Source: Clark et al. 2020 (ELECTRA, arXiv:2003.10555).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { layerwiseDecay } from "@lionjs/lion/training";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 4, depth: 2, numHeads: 2, numClasses: 2, variant: "s",
 * });
 * const factor = layerwiseDecay(model, 0.5);
 * const factors = model.weights.map(({ originalName }) => factor(originalName));
 * assertEquals([...new Set(factors)], [0.125, 0.25, 0.5, 1]);
 * // train(model, data, { optimizer: { learningRateFactor: factor }, … })
 * ```
 *
 * @param model A model with LION blocks.
 * @param decay From above 0 to 1; 0.65 to 0.9 is usual.
 * @returns The factor of a weight, for `learningRateFactor` of `train`'s optimizer.
 * @throws {TypeError} If the decay is not a number, or `model` is not a model
 * or has no blocks.
 * @throws {RangeError} If the decay is not in (0, 1]. The returned function
 * throws it for a name that no weight of the model has.
 */
export function layerwiseDecay(
  model: LayersModel,
  decay: number,
): (name: string) => number {
  assertModel("layerwiseDecay's model", model);
  if (typeof decay !== "number") {
    throw new TypeError(`decay should be a number, got ${typeof decay}`);
  }
  if (!(decay > 0 && decay <= 1)) {
    throw new RangeError(
      `decay should be above 0, and 1 or less, got ${decay}`,
    );
  }
  const isBlock = (layer: { getClassName(): string }) =>
    layer.getClassName() === "LionBlock";
  const depth = model.layers.filter(isBlock).length;
  if (depth === 0) {
    throw new TypeError(
      `model ${model.name} should have LION blocks, got none; pass your own function as learningRateFactor`,
    );
  }
  const names = namesOfWeights(model);
  const factors = new Map<string, number>();
  let passed = 0;
  for (const layer of model.layers) {
    if (isBlock(layer)) passed++;
    // A layer between two blocks has the factor of the block before it.
    const isAbove = passed === depth && !isBlock(layer);
    const power = isAbove ? 0 : depth + 1 - passed;
    for (const weight of layer.weights) {
      factors.set(names.get(weight.read() as tf.Variable)!, decay ** power);
    }
  }
  return (name) => {
    const factor = factors.get(name);
    if (factor !== undefined) return factor;
    throw new RangeError(
      `name should be that of a weight of model ${model.name}, got ${
        shown(name)
      }`,
    );
  };
}
