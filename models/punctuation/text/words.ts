/** The words of a text, and what the model reads of each. @module */

/** A word of a text: what stands between spaces. */
export interface Word {
  /** Where it begins in the text. */
  readonly from: number;
  /** Where it ends. */
  readonly to: number;
  /** What the model reads of it; empty if it has neither letters nor digits. */
  readonly reading: string;
}

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  return Array.from(text.matchAll(/\S+/g), ({ 0: word, index }) => ({
    from: index,
    to: index + word.length,
    reading: readingOf(word),
  }));
}

/** Quotes and brackets before a word. */
export const OPENING = /^["'“‘«([{<`]+/;

/** Marks, quotes and brackets after a word. */
const CLOSING = /["'”’»()\[\]}>`.,?!;:…]+$/;

/** A word in lower case, composed (NFC), without marks, quotes and brackets around it. */
function readingOf(word: string): string {
  if (!/[\p{L}\p{N}]/u.test(word)) return "";
  return word.replace(OPENING, "").replace(CLOSING, "").replaceAll("’", "'")
    .normalize("NFC").toLowerCase();
}
