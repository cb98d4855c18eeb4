/** What a model makes of texts: the mark after each word, and which begin with a capital. @module */
import { CLASSES, MARKS } from "./classes.ts";
import { classShares, type Reader } from "./reader.ts";
import { OPENING, type Word, wordsOf } from "./words.ts";

/** A word of a text with what is added to it. */
export interface MarkedWord {
  /** The word, which may now begin with a capital. */
  readonly word: string;
  /** What is added after it: nothing, or one of `MARKS`. */
  readonly mark: string;
  /** How likely the model takes what it says of the word to be, from 0 to 1. */
  readonly certainty: number;
  /** Where the word ends in the text. */
  readonly to: number;
}

/**
 * What a model makes of texts.
 *
 * @param future How many words after a word count. @default all
 */
export async function markedWords(
  reader: Reader,
  texts: readonly string[],
  future?: number,
): Promise<MarkedWord[][]> {
  const words = texts.map(wordsOf);
  const readings = words.map((own) => own.map(({ reading }) => reading));
  const shares = await classShares(reader, readings, future);
  return texts.map((text, i) => markedWordsOf(text, words[i]!, shares[i]!));
}

/** A text with what is added to its words. */
export function withMarks(text: string, words: readonly MarkedWord[]): string {
  let end = 0;
  const parts = words.map(({ word, mark, to }) => {
    const space = text.slice(end, to - word.length);
    end = to;
    return space + word + mark;
  });
  return parts.join("") + text.slice(end);
}

/** A mark at the end of a word, before quotes and brackets. */
const MARKED = /[.,?!;:…]["'”’»)\]}>`]*$/;

/** The same for marks that end a sentence. */
const ENDED = /[.?!…]["'”’»)\]}>`]*$/;

/** From which probability on a word begins with a capital: a small one after a full stop. */
const CAPITAL = 0.5, FIRST_CAPITAL = 0.1;

function markedWordsOf(
  text: string,
  words: readonly Word[],
  shares: Float32Array,
): MarkedWord[] {
  const first = words.findIndex(({ reading }) => reading !== "");
  const last = words.findLastIndex(({ reading }) => reading !== "");
  /** Whether a sentence has ended before the word, and how likely that was. */
  let isAfterEnd = true, end = 1;
  return words.map(({ from, to, reading }, i) => {
    const word = text.slice(from, to);
    if (reading === "") return { word, mark: "", certainty: 1, to };
    const own = shares.subarray(i * CLASSES, (i + 1) * CLASSES);
    const marks = MARKS.map((_, mark) =>
      own[mark]! + own[mark + MARKS.length]!
    );
    // A text ends with a sentence.
    const fitting = i === last ? [0, 0, ...marks.slice(2)] : marks;
    const best = fitting.indexOf(Math.max(...fitting));
    const isMarked = MARKED.test(word);
    const capital = own.slice(MARKS.length).reduce((sum, share) => sum + share);
    // Where no sentence has ended, only a name has a capital, whatever could have been.
    const share = isAfterEnd
      ? capital
      : Math.max(0, (capital - end) / (1 - end));
    const isCapital = i === first ||
      share > (isAfterEnd ? FIRST_CAPITAL : CAPITAL);
    isAfterEnd = isMarked ? ENDED.test(word) : best >= 2;
    end = isMarked ? 0 : Math.min(0.999, marks[2]! + marks[3]!);
    return {
      word: isCapital ? capitalised(word) : word,
      mark: isMarked ? "" : MARKS[best]!,
      certainty: Math.min(
        isMarked || i === last ? 1 : marks[best]!,
        i === first ? 1 : isCapital ? share : 1 - share,
      ),
      to,
    };
  });
}

/** A word with a capital as its first letter, if there is one of the same length. */
function capitalised(word: string): string {
  const start = OPENING.exec(word)?.[0].length ?? 0;
  const letter = String.fromCodePoint(word.codePointAt(start) ?? 32);
  const capital = letter.toUpperCase();
  const isSame = capital.length === letter.length &&
    capital.toLowerCase() === letter;
  return isSame
    ? word.slice(0, start) + capital + word.slice(start + letter.length)
    : word;
}
