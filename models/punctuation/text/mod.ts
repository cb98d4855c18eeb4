/**
 * What the model of punctuation reads of a text, and what it says of its words.
 *
 * @module
 */
export { type MarkedWord, markedWords, withMarks } from "./answers.ts";
export { CLASSES, MARKS } from "./classes.ts";
export { classShares, type Reader } from "./reader.ts";
export { wordTokens } from "./tokens.ts";
export { OPENING, type Word, wordsOf } from "./words.ts";
