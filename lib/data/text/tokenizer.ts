import { assertIterable } from "../../contract/values.ts";

/** The ids of special tokens, which no text contains. */
export interface SpecialTokens {
  /** Padding. */
  readonly pad: number;
  /** Replaces a token to predict. */
  readonly mask: number;
  /** Starts a text to classify. */
  readonly cls: number;
  /** Ends a text. */
  readonly sep: number;
  /** Replaces what is not in the vocabulary. */
  readonly unk: number;
}

/** Converts text to token ids, and back. */
export interface Tokenizer {
  /** One more than the highest id. */
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

/** The ids of special tokens, which come first. */
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
 * Leaves out the ids of special tokens.
 *
 * @throws {TypeError} If there are none to go through.
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
