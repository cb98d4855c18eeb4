/** The language of a text and of its words, by the trained model. @module */
import * as tf from "@tensorflow/tfjs-core";
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import { dequantized } from "../lib/hub/pretrained/weight_precision.ts";
import config from "../models/languages/config.json" with { type: "json" };
import {
  answersOf,
  type Reader,
  readTable,
} from "../models/languages/text/mod.ts";
import type { ToldLanguages } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** The files of weights, as the package has them. */
const WEIGHTS = "languages/model.safetensors";

/** How many languages are told. */
const SHOWN = 5;

const encoder = fetched(WEIGHTS, languagesModel);
const table = fetched("languages/table.safetensors", readTable);

/** The encoder of a safetensors file. */
export async function languagesModel(
  file: Uint8Array,
): Promise<Reader["model"]> {
  const tensors = await dequantized(await readSafetensors(file), WEIGHTS);
  const model = lionEncoder(config.options as LionEncoderOptions);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return model;
}

/** Tells the languages of a text with the trained model. */
export async function tellLanguages(text: string): Promise<ToldLanguages> {
  const reader = { model: await encoder(), table: await table() };
  return await tellBy(reader, text);
}

/** Tells the languages of a text. */
export async function tellBy(
  reader: Reader,
  text: string,
): Promise<ToldLanguages> {
  const began = performance.now();
  const [{ shares, words }] = await answersOf(reader, [text]) as [
    Awaited<ReturnType<typeof answersOf>>[number],
  ];
  return {
    shares: shares.slice(0, SHOWN),
    words,
    milliseconds: performance.now() - began,
  };
}
