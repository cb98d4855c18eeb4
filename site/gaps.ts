/** Gaps of a series, filled by the trained model and by a line. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import { dequantized } from "../lib/hub/pretrained/weight_precision.ts";
import config from "../models/gaps/config.json" with { type: "json" };
import { filledOf, line, observed } from "../models/gaps/series/mod.ts";
import type { FilledGaps } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** The model's weights, as its package has them. */
const WEIGHTS = "gaps/model.safetensors";

const trained = fetched(WEIGHTS, gapsModel);

/** The model of a safetensors file. */
export async function gapsModel(file: Uint8Array): Promise<LayersModel> {
  const tensors = await dequantized(await readSafetensors(file), WEIGHTS);
  const model = lionEncoder(config.options as LionEncoderOptions);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return model;
}

/** Fills the gaps of a series with the trained model. */
export async function fillGaps(
  series: readonly (number | null)[],
): Promise<FilledGaps> {
  return await fillBy(await trained(), series);
}

/** Fills the gaps of a series with a model, and with lines. */
export async function fillBy(
  model: LayersModel,
  series: readonly (number | null)[],
): Promise<FilledGaps> {
  const began = performance.now();
  const [filled] = await filledOf(model, [series]);
  const milliseconds = performance.now() - began;
  const { values, seen } = observed(series);
  return { ...filled!, line: [...line(seen)(values)], milliseconds };
}
