/** The language model with its trained weights. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, type LionBertOptions } from "@lionjs/lion";
import { type Tokenizer, tokenizerOf } from "@lionjs/lion/data";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import type { HiddenWord, Word } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** Its metadata have the model's options and its tokenizer. */
const WEIGHTS = "weights/sentences.safetensors";

/** Guesses of a token that are shown. */
const SHOWN = 4;

/** A model, and what it reads. */
export interface LanguageModel {
  readonly model: LayersModel;
  readonly tokenizer: Tokenizer;
}

/** Tokens of a text: those of each word, and whether they are hidden. */
interface Tokens {
  readonly ids: number[];
  /** Where the tokens of each hidden word are. */
  readonly hidden: readonly (readonly number[])[];
}

const trained = fetched(WEIGHTS, languageModel);

/** The model of a safetensors file. */
export async function languageModel(file: Uint8Array): Promise<LanguageModel> {
  const { tensors, metadata } = await readSafetensors(file);
  const options: LionBertOptions = JSON.parse(metadata["model"]!);
  const model = lionBert(options);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return { model, tokenizer: tokenizerOf(JSON.parse(metadata["tokenizer"]!)) };
}

/** What the trained model puts in the place of hidden words. */
export async function complete(words: readonly Word[]): Promise<HiddenWord[]> {
  return await completeBy(await trained(), words);
}

/** What a model puts in the place of hidden words. */
export async function completeBy(
  { model, tokenizer }: LanguageModel,
  words: readonly Word[],
): Promise<HiddenWord[]> {
  const { ids, hidden } = tokensOf(words, tokenizer);
  if (hidden.length === 0) return [];
  const best = tf.tidy(() => {
    const row = tf.tensor2d([ids], [1, ids.length], "int32");
    const logits = model.predict([row, tf.onesLike(row)]) as tf.Tensor3D;
    const shares = tf.softmax(tf.squeeze<tf.Tensor2D>(logits, [0]));
    return tf.topk(shares, SHOWN);
  });
  const [tokens, shares] = await Promise.all([
    best.indices.array() as Promise<number[][]>,
    best.values.array() as Promise<number[][]>,
  ]);
  tf.dispose([best.indices, best.values]);
  return hidden.map((places) => ({
    guess: tokenizer.decode(places.map((place) => tokens[place]![0]!)).trim(),
    tokens: places.map((place) =>
      tokens[place]!.map((id, i) => ({
        text: tokenizer.decode([id]),
        share: shares[place]![i]!,
      }))
    ),
  }));
}

/** A sentence as in training: between separators, each word after a space. */
function tokensOf(words: readonly Word[], tokenizer: Tokenizer): Tokens {
  const { sep, mask } = tokenizer.specials;
  const ids = [sep];
  const hidden: number[][] = [];
  for (const [i, { text, isHidden }] of words.entries()) {
    const own = tokenizer.encode(i === 0 ? text : ` ${text}`);
    if (isHidden) hidden.push(own.map((_, at) => ids.length + at));
    ids.push(...own.map((id) => isHidden ? mask : id));
  }
  return { ids: [...ids, sep], hidden };
}
