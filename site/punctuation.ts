/** Marks and capitals for text without any, by the trained model. @module */
import * as tf from "@tensorflow/tfjs-core";
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { type TokenizerFile, tokenizerOf } from "@lionjs/lion/data";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import { dequantized } from "../lib/hub/pretrained/weight_precision.ts";
import config from "../models/punctuation/config.json" with { type: "json" };
import {
  markedWords,
  type Reader,
  wordTokens,
} from "../models/punctuation/text/mod.ts";
import type { RestoredText } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** The files of the model, as the package has them. */
const WEIGHTS = "punctuation/model.safetensors";

const model = fetched(WEIGHTS, punctuationModel);
const vocabulary = fetched("punctuation/tokenizer.json", readVocabulary);

/** The model of a safetensors file. */
export async function punctuationModel(
  file: Uint8Array,
): Promise<Reader["model"]> {
  const tensors = await dequantized(await readSafetensors(file), WEIGHTS);
  const model = lionEncoder(config.options as LionEncoderOptions);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return model;
}

/** The vocabulary of a file. */
export function readVocabulary(file: Uint8Array): Promise<Reader["tokens"]> {
  const json: TokenizerFile = JSON.parse(new TextDecoder().decode(file));
  return Promise.resolve(wordTokens(tokenizerOf(json)));
}

/** Restores the marks of a text with the trained model. */
export async function restoreMarks(
  text: string,
  future: number | null,
): Promise<RestoredText> {
  const [own, tokens] = await Promise.all([model(), vocabulary()]);
  return await restoreBy({ model: own, tokens }, text, future);
}

/** Restores the marks of a text. */
export async function restoreBy(
  reader: Reader,
  text: string,
  future: number | null,
): Promise<RestoredText> {
  const began = performance.now();
  const [words] = await markedWords(reader, [text], future ?? Infinity);
  return { words: words!, milliseconds: performance.now() - began };
}
