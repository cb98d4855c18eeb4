/** Words as tokens. @module */
import type { Tokenizer } from "@lionjs/lion/data";

/** The most words whose tokens are kept, and the most letters that are read of one. */
const MOST_KEPT = 100_000, MOST_LETTERS = 64;

/** Makes a function that gives the tokens of a word's reading, and keeps those of most words. */
export function wordTokens(
  tokenizer: Tokenizer,
): (reading: string) => readonly number[] {
  const kept = new Map<string, readonly number[]>();
  return (reading) => {
    const known = kept.get(reading);
    if (known) return known;
    const ids = reading === "" ? [] : tokenizer.encode(
      ` ${reading.slice(0, MOST_LETTERS)}`,
    );
    if (kept.size < MOST_KEPT) kept.set(reading, ids);
    return ids;
  };
}
