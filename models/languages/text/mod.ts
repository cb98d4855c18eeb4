/**
 * What the model of languages reads of a text: its letters, hashed runs of them, and what
 * these say for each language.
 *
 * @module
 */
export {
  answersOf,
  type LanguageAnswer,
  type LanguageShare,
  type LanguageWord,
} from "./answers.ts";
export { hashesOf, ORDERS, rowsOf, TABLE_ROWS } from "./grams.ts";
export { LANGUAGES } from "./languages.ts";
export { lettersOf } from "./letters.ts";
export {
  ENCODER_SCALE,
  largest,
  meanScores,
  type Reader,
  SCALE,
  scoresOf,
  sharesOf,
  type TextScores,
} from "./reader.ts";
export { readTable, TABLE } from "./table_file.ts";
export { padded, valuesOf, windowMeans } from "./values.ts";
export { type WordSpan, wordSpans } from "./words.ts";
