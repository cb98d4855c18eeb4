/** What a model tells of texts: the shares of languages, and the language of each word. @module */
import { LANGUAGES } from "./languages.ts";
import { lettersOf } from "./letters.ts";
import {
  largest,
  meanScores,
  type Reader,
  scoresOf,
  sharesOf,
  type TextScores,
} from "./reader.ts";
import { wordSpans } from "./words.ts";

/** What a text without letters is in: undetermined, by ISO 639-2. */
const UNDETERMINED = "und";

/** A language and the probability that the model gives it. */
export interface LanguageShare {
  /** Its code by ISO 639-3. */
  readonly language: string;
  /** From 0 to 1. */
  readonly share: number;
}

/** A word of a text and its language. */
export interface LanguageWord {
  /** As it stands in the text, between spaces. */
  readonly word: string;
  /** The code of its language by ISO 639-3, or "und" if it has no letters. */
  readonly language: string;
}

/** What the model makes of a text. */
export interface LanguageAnswer {
  /** "und" if the text has no letters. */
  readonly language: string;
  /** All languages, the likeliest first; none if the text has no letters. */
  readonly shares: readonly LanguageShare[];
  readonly words: readonly LanguageWord[];
}

/** What a model makes of texts. */
export async function answersOf(
  reader: Reader,
  texts: readonly string[],
): Promise<LanguageAnswer[]> {
  const letters = texts.map(lettersOf);
  const places = [...letters.keys()].filter((i) => letters[i] !== "");
  const found = await scoresOf(reader, places.map((i) => letters[i]!));
  const scores = new Map(places.map((i, j) => [i, found[j]!]));
  return texts.map((text, i) => answerOf(text, letters[i]!, scores.get(i)));
}

function answerOf(
  text: string,
  letters: string,
  scores: TextScores | undefined,
): LanguageAnswer {
  const shares = scores ? sharesOf(scores.text) : [];
  const ordered = Array.from(
    shares,
    (share, i) => ({ language: LANGUAGES[i]!, share }),
  ).sort((a, b) => b.share - a.share);
  const spans = wordSpans(letters);
  const words = text.split(/\s+/).filter((word) => word !== "").map((word) => {
    // What is one word between spaces may be several, or none, between other signs.
    const own = spans.splice(0, wordSpans(lettersOf(word)).length);
    if (!scores || own.length === 0) return { word, language: UNDETERMINED };
    const mean = meanScores(scores.places, own[0]!.from, own.at(-1)!.to);
    return { word, language: LANGUAGES[largest(mean)]! };
  });
  return {
    language: ordered[0]?.language ?? UNDETERMINED,
    shares: ordered,
    words,
  };
}
