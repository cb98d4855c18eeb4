/** Trained models that other recipes go on from. @module */
import {
  loadPyTorchWeights,
  type LoadPyTorchWeightsOptions,
  readSafetensors,
  toPyTorchWeights,
  writeSafetensors,
} from "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { CannotBegin } from "./needed_files.ts";

/** The file of a trained model, in the folder of its trial. */
export const WEIGHTS_FILE = "weights.safetensors";

/** Keeps a trained model in the folder of its trial. */
export async function keepWeights(
  model: LayersModel,
  folder: string,
): Promise<void> {
  const weights = toPyTorchWeights(model);
  await writeSafetensors(`${folder}/${WEIGHTS_FILE}`, weights);
  tf.dispose([...weights.values()]);
}

/** Whether a trial has kept a trained model in its folder. */
export function hasKeptWeights(folder: string): Promise<boolean> {
  return Deno.stat(`${folder}/${WEIGHTS_FILE}`).then(() => true, () => false);
}

/**
 * Gives a model the weights that a recipe has kept.
 *
 * @param model Whose weights are replaced.
 * @param recipe That trained them.
 * @param folder Of the trial that kept them.
 * @param options Weights that one of the two does not have.
 */
export async function loadKeptWeights(
  model: LayersModel,
  recipe: string,
  folder: string,
  options: LoadPyTorchWeightsOptions = {},
): Promise<void> {
  const file = `${folder}/${WEIGHTS_FILE}`;
  const { tensors } = await readSafetensors(file).catch((cause) => {
    throw new CannotBegin(
      `${file} is not there; run the recipe ${recipe} first`,
      { cause },
    );
  });
  try {
    await loadPyTorchWeights(model, tensors, options);
  } finally {
    tf.dispose([...tensors.values()]);
  }
}
