/** What counts of words guess, with the same text before them as the models. @module */
import type { Batch, Tokenizer } from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import type { Figures } from "./recipe.ts";

/** What counts know. */
export interface WordCounts {
  /** How likely each token is, `[vocabularySize]`. */
  readonly unigram: Float64Array;
  /** How likely each token is after another one that is known. */
  after(before: number): Float64Array;
}

/** Counts a text; pairs are mixed with single tokens, half and half. */
export function countWords(
  documents: readonly (readonly number[])[],
  { vocabularySize, specials }: Tokenizer,
): WordCounts {
  // One more of each, so that nothing is impossible.
  const single = new Float64Array(vocabularySize).fill(1);
  const pairs = new Map<number, Float64Array>();
  for (const ids of documents) {
    ids.forEach((id, i) => {
      single[id]!++;
      const before = i === 0 ? specials.sep : ids[i - 1]!;
      const counts = pairs.get(before) ?? new Float64Array(vocabularySize);
      pairs.set(before, counts);
      counts[id]!++;
    });
  }
  const unigram = shares(single);
  const mixed = new Map<number, Float64Array>();
  for (const [before, counts] of pairs) {
    mixed.set(before, shares(counts).map((p, id) => (p + unigram[id]!) / 2));
  }
  return { unigram, after: (before) => mixed.get(before) ?? unigram };
}

function shares(counts: Float64Array): Float64Array {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.map((count) => count / total);
}

/** What a token is guessed by. */
interface Context {
  /** The token before it. */
  readonly before: number;
  /** What is shown in its place, which may be the token itself; none if nothing is. */
  readonly shown?: number | undefined;
}

/** Guesses by single tokens, and by the token before. */
export interface Guesses {
  readonly unigram: Figures;
  readonly bigram: Figures;
}

/**
 * What is guessed at hidden tokens by frequencies, and by the token before where
 * it is shown. Both copy what stands at the hidden place, as BERT's masking
 * allows: of the tokens there that are no mask, a half is true and a half is
 * drawn at random, so that a frequent one is likely to be true.
 */
export function guessHidden(
  counts: WordCounts,
  batches: AsyncIterable<Batch>,
  { specials }: Tokenizer,
): Promise<Guesses> {
  return guess(counts, batches, (ids, i, length) => ({
    before: i % length === 0 ? specials.sep : ids[i - 1]!,
    shown: ids[i] === specials.mask ? undefined : ids[i],
  }));
}

/** What is guessed of each next token by frequencies, and by the one before. */
export function guessNext(
  counts: WordCounts,
  batches: AsyncIterable<Batch>,
): Promise<Guesses> {
  return guess(counts, batches, (ids, i) => ({ before: ids[i]! }));
}

async function guess(
  { unigram, after }: WordCounts,
  batches: AsyncIterable<Batch>,
  contextOf: (ids: ArrayLike<number>, i: number, length: number) => Context,
): Promise<Guesses> {
  const sums = {
    unigram: { right: 0, loss: 0 },
    bigram: { right: 0, loss: 0 },
  };
  let asked = 0;
  for await (const { inputs, labels } of batches) {
    const [ids, wanted] = await Promise.all([
      inputs[0]!.data(),
      labels.data(),
    ]);
    tf.dispose([...inputs, labels]);
    for (const [i, label] of wanted.entries()) {
      if (label < 0) continue;
      asked++;
      const { before, shown } = contextOf(ids, i, labels.shape.at(-1)!);
      for (
        const [sum, chances] of [
          [sums.unigram, unigram],
          [sums.bigram, after(before)],
        ] as const
      ) {
        // Bayes: kept as it is, or any of all tokens.
        const kept = shown === undefined
          ? 0
          : chances[shown]! / (chances[shown]! + 1 / unigram.length);
        const chance = (id: number) =>
          (1 - kept) * chances[id]! + kept * Number(id === shown);
        const likeliest = indexOfLargest(chances);
        const best = shown !== undefined && chance(shown) > chance(likeliest)
          ? shown
          : likeliest;
        sum.right += Number(best === label);
        sum.loss -= Math.log(chance(label));
      }
    }
  }
  const means = ({ right, loss }: typeof sums.unigram) => ({
    accuracy: right / asked,
    perplexity: Math.exp(loss / asked),
  });
  return { unigram: means(sums.unigram), bigram: means(sums.bigram) };
}

const likeliestOf = new WeakMap<Float64Array, number>();

function indexOfLargest(values: Float64Array): number {
  const index = likeliestOf.get(values) ?? values.indexOf(Math.max(...values));
  likeliestOf.set(values, index);
  return index;
}
