/** A text that is read once, and what its words then hear. @module */
import { type LanguageModel, trained } from "../sentence.ts";
import type { Heard, ReadText } from "./calls.ts";
import { type BlockVectors, blockVectors, rowOf } from "./rows.ts";

/** Tokens that are read at most: what blocks make of them takes 60 MB. */
const MOST_TOKENS = 32_768;

/** Words and the signs between them, with the spaces before them. */
const WORDS = /(\s*)([\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[^\s])/gu;

/** The text that was read last. */
interface Reader {
  readonly blocks: readonly BlockVectors[];
  /** The first token of each word, and the end of the last one. */
  readonly starts: readonly number[];
  /** The word of each token; none of the separators. */
  readonly wordOf: Int32Array;
}

let reader: Reader | undefined;

/** Reads a text with the trained model. */
export async function readText(text: string): Promise<ReadText> {
  reader = undefined;
  const { read, ...made } = await readWith(await trained(), text);
  reader = made;
  return read;
}

/** What a word hears, once a text was read. */
export function hear(word: number): Promise<Heard> {
  if (!reader) throw new Error("there should be a text first");
  return Promise.resolve(heardBy(reader, word));
}

/** Reads a text with a model. */
export async function readWith(
  { model, tokenizer }: LanguageModel,
  text: string,
): Promise<Reader & { readonly read: ReadText }> {
  const from = performance.now();
  const { sep } = tokenizer.specials;
  const words: string[] = [], isAfterSpace: boolean[] = [];
  const ids = [sep], starts: number[] = [];
  let isCut = false;
  for (const [, space = "", word = ""] of text.matchAll(WORDS)) {
    const tokens = tokenizer.encode(space === "" ? word : ` ${word}`);
    if (ids.length + tokens.length >= MOST_TOKENS) {
      isCut = true;
      break;
    }
    starts.push(ids.length);
    ids.push(...tokens);
    words.push(word);
    isAfterSpace.push(space !== "");
  }
  starts.push(ids.length);
  ids.push(sep);
  const wordOf = new Int32Array(ids.length).fill(-1);
  words.forEach((_, word) => wordOf.fill(word, starts[word], starts[word + 1]));
  const blocks = words.length === 0 ? [] : await blockVectors(model, ids);
  const milliseconds = performance.now() - from;
  const read = { words, isAfterSpace, isCut, milliseconds, tokens: ids.length };
  return { blocks, starts, wordOf, read };
}

/**
 * What a word hears: the mean of the rows of its tokens, in the blocks of each side,
 * summed over the tokens of each word.
 */
export function heardBy(
  { blocks, starts, wordOf }: Reader,
  word: number,
): Heard {
  const from = performance.now();
  const [start, end] = [starts[word], starts[word + 1]];
  if (start === undefined || end === undefined || end <= start) {
    throw new RangeError(`there should be a word ${word}`);
  }
  const sums = {
    before: new Float32Array(starts.length - 1),
    after: new Float32Array(starts.length - 1),
  };
  for (const block of blocks) {
    const own = blocks.filter(({ side }) => side === block.side).length;
    const share = 1 / (own * (end - start));
    for (let token = start; token < end; token++) {
      const { first, weights } = rowOf(block, token);
      weights.forEach((weight, at) => {
        const source = wordOf[first + at]!;
        if (source >= 0) sums[block.side][source]! += share * weight;
      });
    }
  }
  const isHeard = (_: number, at: number) =>
    sums.before[at]! + sums.after[at]! > 0;
  const first = sums.before.findIndex(isHeard);
  const last = sums.before.findLastIndex(isHeard);
  return {
    first,
    before: sums.before.slice(first, last + 1),
    after: sums.after.slice(first, last + 1),
    milliseconds: performance.now() - from,
  };
}
