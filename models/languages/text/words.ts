/** The words of what the model reads. @module */

/** The places of a word, and of the space after it. */
export interface WordSpan {
  readonly from: number;
  /** The place after the space. */
  readonly to: number;
}

/**
 * The words of a text, in order.
 *
 * @param letters What `lettersOf` returns; words are what spaces are between.
 */
export function wordSpans(letters: string): WordSpan[] {
  const spans: WordSpan[] = [];
  let from = 0;
  if (letters === "") return spans;
  for (const word of letters.split(" ")) {
    const to = from + [...word].length + 1;
    spans.push({ from, to });
    from = to;
  }
  return spans;
}
