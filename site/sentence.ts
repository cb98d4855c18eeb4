/** The language model with its trained weights. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, type LionBertOptions } from "@lionjs/lion";
import { type Tokenizer, tokenizerOf } from "@lionjs/lion/data";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import type { Guesses, Word } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** Its metadata have the model's options and its tokenizer. */
const WEIGHTS = "weights/sentences.safetensors";

/** Guesses of a token that are shown. */
const SHOWN = 4;

/** A model, and what it reads. */
export interface LanguageModel {
  readonly model: LayersModel;
  readonly tokenizer: Tokenizer;
  /** For each token of its vocabulary, whether it can be a word: a space and letters. */
  readonly isWord: readonly boolean[];
}

const trained = fetched(WEIGHTS, languageModel);

/** The model of a safetensors file. */
export async function languageModel(file: Uint8Array): Promise<LanguageModel> {
  const { tensors, metadata } = await readSafetensors(file);
  const options: LionBertOptions = JSON.parse(metadata["model"]!);
  const model = lionBert(options);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  const tokenizer = tokenizerOf(JSON.parse(metadata["tokenizer"]!));
  const isWord = Array.from(
    { length: tokenizer.vocabularySize },
    (_, id) => /^ \p{L}+$/u.test(tokenizer.decode([id])),
  );
  return { model, tokenizer, isWord };
}

/** Which words the trained model can fill in. */
export async function fillable(words: readonly Word[]): Promise<boolean[]> {
  return fillableBy(await trained(), words);
}

/** Which words a model can fill in: those that are one token, after a space. */
export function fillableBy(
  { tokenizer, isWord }: LanguageModel,
  words: readonly Word[],
): boolean[] {
  return words.map((word) => {
    const [id, ...more] = tokensOf(word, tokenizer);
    return id !== undefined && more.length === 0 && isWord[id]!;
  });
}

/** What the trained model puts in the place of hidden words. */
export async function complete(words: readonly Word[]): Promise<Guesses[]> {
  return await completeBy(await trained(), words);
}

/**
 * What a model puts in the place of hidden words: words, of all tokens.
 *
 * @throws {RangeError} If a word is hidden that is not one token.
 */
export async function completeBy(
  trained: LanguageModel,
  words: readonly Word[],
): Promise<Guesses[]> {
  const { model, tokenizer, isWord } = trained;
  const { ids, hidden } = readable(words, trained);
  if (hidden.length === 0) return [];
  const best = tf.tidy(() => {
    const row = tf.tensor2d([ids], [1, ids.length], "int32");
    const logits = model.predict([row, tf.onesLike(row)]) as tf.Tensor3D;
    const places = tf.gather(
      tf.squeeze<tf.Tensor2D>(logits, [0]),
      tf.tensor1d([...hidden], "int32"),
    );
    const others = isWord.map((isWord) => isWord ? 0 : -1e9);
    return tf.topk(tf.softmax(tf.add(places, others)), SHOWN);
  });
  const [tokens, shares] = await Promise.all([
    best.indices.array() as Promise<number[][]>,
    best.values.array() as Promise<number[][]>,
  ]);
  tf.dispose([best.indices, best.values]);
  return tokens.map((tokens, at) =>
    tokens.map((id, i) => ({
      text: tokenizer.decode([id]).trim(),
      share: shares[at]![i]!,
    }))
  );
}

/** A sentence as in training, between separators, and where words are hidden. */
function readable(
  words: readonly Word[],
  { tokenizer, ...trained }: LanguageModel,
): { ids: number[]; hidden: number[] } {
  const { sep, mask } = tokenizer.specials;
  const canFill = fillableBy({ tokenizer, ...trained }, words);
  const ids = [sep];
  const hidden: number[] = [];
  for (const [at, word] of words.entries()) {
    if (word.isHidden && !canFill[at]) {
      throw new RangeError(
        `a hidden word should be one token, got ${word.text}`,
      );
    }
    if (word.isHidden) hidden.push(ids.length);
    ids.push(...word.isHidden ? [mask] : tokensOf(word, tokenizer));
  }
  return { ids: [...ids, sep], hidden };
}

function tokensOf(
  { text, isAfterSpace }: Word,
  tokenizer: Tokenizer,
): readonly number[] {
  return tokenizer.encode(isAfterSpace ? ` ${text}` : text);
}
