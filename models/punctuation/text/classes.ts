/** The classes of words: the mark after a word, and whether it begins with a capital. @module */

/** The marks that may follow a word, in the order of the model's classes. */
export const MARKS = ["", ",", ".", "?"] as const;

/** Classes: each mark after a word in lower case, then each after one with a capital. */
export const CLASSES = 2 * MARKS.length;
