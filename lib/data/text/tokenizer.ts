import { assertIterable } from "../../contract/values.ts";

/** The ids of special tokens, which no text contains. */
export interface SpecialTokens {
  /** The id of padding. */
  readonly pad: number;
  /** The id of the mask, which replaces a token to predict. */
  readonly mask: number;
  /** The id of the class token, which starts a text to classify. */
  readonly cls: number;
  /** The id of the separator, which ends a text. */
  readonly sep: number;
  /** The id of the unknown token, which replaces what is not in the vocabulary. */
  readonly unk: number;
}

/** A tokenizer, which converts text to token ids and back. */
export interface Tokenizer {
  /** Size of the vocabulary: one more than the highest id. */
  readonly vocabularySize: number;
  /** The ids of special tokens. */
  readonly specials: SpecialTokens;
  /** Returns the ids of a text, none of them special. */
  encode(text: string): number[];
  /** Returns the text of ids, without special tokens. */
  decode(ids: Iterable<number>): string;
}

/** The names of special tokens, in the order of their ids. */
export const SPECIAL_TOKENS = ["[PAD]", "[MASK]", "[CLS]", "[SEP]", "[UNK]"];

/** The ids of special tokens, which come before all others. */
export const SPECIAL_IDS: SpecialTokens = {
  pad: 0,
  mask: 1,
  cls: 2,
  sep: 3,
  unk: 4,
};

/** Throws a TypeError unless a value is a string. */
export function assertText(name: string, text: string): void {
  if (typeof text === "string") return;
  const given: unknown = text;
  throw new TypeError(
    `${name} should be a string, got ${given === null ? "null" : typeof given}`,
  );
}

/**
 * Returns the ids that are not those of special tokens.
 *
 * @throws {TypeError} If `ids` is not iterable.
 * @throws {RangeError} If an id is not in the vocabulary.
 */
export function textIds(
  ids: Iterable<number>,
  { specials, vocabularySize }: Pick<Tokenizer, "specials" | "vocabularySize">,
): number[] {
  assertIterable("ids", ids);
  const special = new Set<number>(Object.values(specials));
  return Array.from(ids).filter((id) => {
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) {
      return !special.has(id);
    }
    throw new RangeError(
      `ids should be integers from 0 to below ${vocabularySize}, got ${id}`,
    );
  });
}
