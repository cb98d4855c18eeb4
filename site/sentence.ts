/** The language model with its trained weights. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, type LionBertOptions } from "@lionjs/lion";
import { type Tokenizer, tokenizerOf } from "@lionjs/lion/data";
import { unmask } from "@lionjs/lion/diffusion";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import { dequantized } from "../lib/hub/pretrained/weight_precision.ts";
import type { Guesses, Word } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** Its metadata have the model's options and its tokenizer. */
const WEIGHTS = "weights/infilling.safetensors";

/** Guesses of a token that are shown. */
const SHOWN = 4;

/** A model, and what it reads. */
export interface LanguageModel {
  readonly model: LayersModel;
  readonly tokenizer: Tokenizer;
  /** The tokens of its vocabulary that are words: a space and letters. */
  readonly wordIds: ReadonlySet<number>;
}

/** The trained model, which is fetched when it is first asked for. */
export const trained = fetched(WEIGHTS, languageModel);

/** The model of a safetensors file. */
export async function languageModel(file: Uint8Array): Promise<LanguageModel> {
  const read = await readSafetensors(file);
  const options: LionBertOptions = JSON.parse(read.metadata["model"]!);
  const tokenizer = tokenizerOf(JSON.parse(read.metadata["tokenizer"]!));
  const model = lionBert(options);
  const tensors = await dequantized(read, WEIGHTS);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  const wordIds = Array.from(
    { length: tokenizer.vocabularySize },
    (_, id) => id,
  ).filter((id) => /^ \p{L}+$/u.test(tokenizer.decode([id])));
  return { model, tokenizer, wordIds: new Set(wordIds) };
}

/** Which words the trained model can fill in. */
export async function fillable(words: readonly Word[]): Promise<boolean[]> {
  return fillableBy(await trained(), words);
}

/** Which words a model can fill in: those that are one token, after a space. */
export function fillableBy(
  { tokenizer, wordIds }: LanguageModel,
  words: readonly Word[],
): boolean[] {
  return words.map((word) => {
    const [id, ...more] = tokensOf(word, tokenizer);
    return id !== undefined && more.length === 0 && wordIds.has(id);
  });
}

/** What the trained model puts in the place of hidden words. */
export async function complete(words: readonly Word[]): Promise<Guesses[]> {
  return await completeBy(await trained(), words);
}

/**
 * What a model puts in the place of hidden words: words, of all tokens. The word that it
 * is surest of comes first, and those that follow are guessed beside it.
 *
 * @throws {RangeError} If a word is hidden that is not one token.
 */
export async function completeBy(
  trained: LanguageModel,
  words: readonly Word[],
): Promise<Guesses[]> {
  const { model, tokenizer, wordIds } = trained;
  const { ids, hidden } = readable(words, trained);
  const { mask } = tokenizer.specials;
  const guesses = new Map<number, Guesses>();
  await unmask(model, [ids], {
    maskToken: mask,
    order: "confidence",
    allowed: () => wordIds,
    onStep({ ids: [row], probabilities: [places] }) {
      const place = hidden.find((place) =>
        row![place] !== mask && !guesses.has(place)
      )!;
      guesses.set(place, likeliest(places![place]!, tokenizer));
    },
  });
  return hidden.map((place) => guesses.get(place)!);
}

/** The likeliest tokens, and their shares. */
function likeliest(shares: Float64Array, tokenizer: Tokenizer): Guesses {
  return Array.from(shares, (share, id) => ({ share, id }))
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN)
    .map(({ share, id }) => ({ text: tokenizer.decode([id]).trim(), share }));
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
