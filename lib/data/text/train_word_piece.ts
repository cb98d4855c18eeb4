/** Training of BERT's kind of vocabulary on texts. @module */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import {
  assertBoolean,
  assertInteger,
  assertIterable,
  assertOptions,
  assertText,
  optionsOf,
} from "@lionjs/base";
import {
  first,
  MOST_TOKENS,
  Pairs,
  second,
  type Word,
} from "./frequent_pairs.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";
import { StepBounds } from "./tokenizer_json/tokenizer_steps.ts";
import {
  SPECIALS,
  wordPieceFile,
  type WordPieceOptions,
} from "./word_piece.ts";

/** Options of {@linkcode trainWordPiece}. */
export interface TrainWordPieceOptions extends WordPieceOptions {
  /**
   * Maximum number of special tokens, characters and pieces together, to 65,536.
   */
  vocabularySize: number;
  /**
   * Maximum number of different characters, the most frequent ones. A word with
   * another is unknown.
   * @default 1000
   */
  alphabet?: number | undefined;
}

const OPTIONS = optionsOf<TrainWordPieceOptions>()(
  "vocabularySize alphabet lowercase stripAccents chineseCharacters",
);

/** The prefix of pieces that do not begin a word. */
const PREFIX = "##";

/**
 * Learns BERT's kind of vocabulary from texts: the characters and, merge by merge,
 * the most frequent pair of neighbours within a word, while some pair occurs
 * twice. A piece that does not begin a word begins with `##`.
 *
 * Texts are normalised and split as BERT does it: in lower case without accents,
 * unless options say otherwise, at white space, and with each mark of punctuation
 * and each Chinese character apart. A word becomes its longest known beginning,
 * then the longest beginning of the rest, and so on; one that has an unknown
 * character, or more than 100 of them, becomes the unknown token. `decode` writes
 * a space between words, so texts come back only nearly as they were.
 *
 * Source: Schuster and Nakajima 2012; Devlin et al. 2019 (arXiv:1810.04805); as
 * Hugging Face's `WordPieceTrainer` learns it, with the merges of byte pairs.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenizerOf, trainWordPiece } from "@lionjs/lion/data";
 *
 * const file = trainWordPiece(["low lower lowest"], { vocabularySize: 30 });
 * const tokenizer = tokenizerOf(file);
 * assertEquals(tokenizer.decode(tokenizer.encode("Lower!")), "lower");
 * ```
 *
 * @example The `vocab.txt` of older programs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { trainWordPiece } from "@lionjs/lion/data";
 *
 * const { model } = trainWordPiece(["aha"], { vocabularySize: 30 });
 * const tokens = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
 * const text = tokens.map(([token]) => `${token}\n`).join("");
 * assertEquals(text.split("\n").slice(0, 6).at(-1), "a");
 * ```
 *
 * @param documents The texts.
 * @param options See {@linkcode TrainWordPieceOptions}.
 * @returns A `tokenizer.json` of Hugging Face, for `tokenizerOf`.
 * @throws {TypeError} If `documents` is a single text, or contains anything but
 * texts, or an option is unknown or of the wrong type.
 * @throws {RangeError} If `vocabularySize` does not hold the special tokens and
 * the characters, another option is invalid, or there is no text.
 */
export function trainWordPiece(
  documents: Iterable<string>,
  options: TrainWordPieceOptions,
): TokenizerFile {
  assertOptions("trainWordPiece", options, OPTIONS);
  const { vocabularySize, alphabet = 1000, ...steps } = options;
  assertIterable("documents", documents);
  assertInteger("vocabularySize", vocabularySize, SPECIALS.length, MOST_TOKENS);
  assertInteger("alphabet", alphabet, 1);
  for (const [name, value] of Object.entries(steps)) {
    if (value !== undefined) assertBoolean(name, value);
  }
  const fileOf = (tokens: readonly string[]) =>
    wordPieceFile(tokens.join("\n"), steps);
  const counts = countWords(documents, fileOf(SPECIALS));
  const kept = frequentCharacters(counts, alphabet);
  const known = new Set(kept);
  const words = [...counts].filter(([word]) =>
    Array.from(word).every((character) => known.has(character))
  );
  const within = new Set(
    words.flatMap(([word]) => Array.from(word).slice(1)),
  );
  const tokens = [
    ...SPECIALS,
    ...kept,
    ...kept.filter((one) => within.has(one)).map((one) => PREFIX + one),
  ];
  if (tokens.length > vocabularySize) {
    throw new RangeError(
      `vocabularySize should be at least ${tokens.length}, for the special tokens and ${kept.length} characters, where they begin a word and within, got ${vocabularySize}; a smaller alphabet needs fewer`,
    );
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const pairs = new Pairs(words.map(([word, count]): Word => ({
    ids: Array.from(word, (one, i) => ids.get(i === 0 ? one : PREFIX + one)!),
    count,
  })));
  while (tokens.length < vocabularySize) {
    const pair = pairs.mostFrequent();
    if (pair === undefined) break;
    const token = tokens[first(pair)]! +
      tokens[second(pair)]!.slice(PREFIX.length);
    // Another pair may already have been merged into the same token.
    const id = ids.get(token) ?? tokens.push(token) - 1;
    ids.set(token, id);
    pairs.merge(pair, id);
  }
  return fileOf(tokens);
}

/** The words of texts, as a file's steps make them, and how often each occurs. */
function countWords(
  documents: Iterable<string>,
  file: TokenizerFile,
): Map<string, number> {
  const library = new Library(file, {});
  const bounds = new StepBounds(library, file);
  const { normalizer, pre_tokenizer: splitter } = library;
  const longest = Number(file.model["max_input_chars_per_word"]);
  const counts = new Map<string, number>();
  for (const text of documents) {
    assertText("each of trainWordPiece's documents", text);
    const words = bounds.within(
      text.length,
      () => splitter!.pre_tokenize([normalizer!.normalize(text)]),
    );
    for (const word of words) {
      if (Array.from(word).length > longest) continue;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  if (counts.size > 0) return counts;
  throw new RangeError("documents should have some text, got none");
}

/** The most frequent characters, in the order of their code points. */
function frequentCharacters(
  words: ReadonlyMap<string, number>,
  most: number,
): string[] {
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    for (const one of word) counts.set(one, (counts.get(one) ?? 0) + count);
  }
  const byCode = (a: string, b: string) =>
    a.codePointAt(0)! - b.codePointAt(0)!;
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || byCode(a, b))
    .slice(0, most)
    .map(([character]) => character)
    .sort(byCode);
}
