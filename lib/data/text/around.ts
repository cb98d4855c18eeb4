/** The special tokens that a tokenizer puts around a text. @module */
import type { Tokenizer } from "./tokenizer.ts";

/** The special tokens around a text, and the type of the tokens of both. */
export interface Around {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly type: number;
}

/** Finds the special tokens around a text, which are those around any other. */
export function specialsAround(tokenizer: Tokenizer): Around {
  const own = tokenizer.encode("a");
  const { ids, types } = tokenizer.encodeWithSpecials("a");
  const start = ids.indexOf(own[0]!);
  return {
    before: ids.slice(0, start),
    after: ids.slice(start + own.length),
    type: types[start] ?? 0,
  };
}
