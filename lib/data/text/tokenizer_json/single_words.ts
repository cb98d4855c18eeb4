/**
 * Added tokens that are whole words only (`single_word`), which the library finds
 * within words too.
 *
 * Source: Hugging Face's tokenizers, `added_vocabulary.rs`.
 *
 * @module
 */
import type { Tokenizer as Library } from "@huggingface/tokenizers";

/** The library's splitter of texts at added tokens. */
interface Splitter {
  split(text: string): string[];
}

/** A character of a word at an end of a text, as `\w` is in Rust. */
const ENDS_IN_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const BEGINS_IN_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** The fields of an added token that are used. */
interface Added {
  readonly content: string;
  readonly single_word?: boolean;
}

/**
 * Makes the library find such tokens only where no letter, digit or underscore is
 * beside them.
 */
export function findSingleWords(
  library: Library,
  added: readonly Added[],
): void {
  const words = contentsOf(library, added.filter((one) => one.single_word));
  if (words.size === 0) return;
  const all = contentsOf(library, added);
  // The splitters are private in the library's types, but not at run time.
  const { splitter_unnormalized, splitter_normalized } =
    library as unknown as Record<string, Splitter>;
  for (const splitter of [splitter_unnormalized!, splitter_normalized!]) {
    const split = splitter.split.bind(splitter);
    splitter.split = (text) => mergedSections(split(text), all, words);
  }
}

/** The texts by which tokens are found: their contents, as they are and normalised. */
function contentsOf(
  { normalizer }: Library,
  added: readonly Added[],
): ReadonlySet<string> {
  return new Set(
    added.flatMap(({ content }) => [
      content,
      ...normalizer ? [normalizer(content)] : [],
    ]),
  );
}

/**
 * Joins sections that are tokens for single words, but within a word, to the
 * text around them.
 */
function mergedSections(
  sections: readonly string[],
  all: ReadonlySet<string>,
  words: ReadonlySet<string>,
): string[] {
  const text = sections.join("");
  const result: string[] = [];
  let begun = "", place = 0;
  for (const section of sections) {
    const end = place + section.length;
    const isPart = words.has(section) &&
      (ENDS_IN_WORD.test(text.slice(Math.max(0, place - 2), place)) ||
        BEGINS_IN_WORD.test(text.slice(end, end + 2)));
    place = end;
    if (isPart || !all.has(section)) {
      begun += section;
      continue;
    }
    if (begun) result.push(begun);
    result.push(section);
    begun = "";
  }
  return begun ? [...result, begun] : result;
}
