/** Tokens that no text has. */
export interface SpecialTokens {
  /** Fills a sequence up. */
  readonly pad: number;
  /** Stands for a token that is to be guessed. */
  readonly mask: number;
  /** Begins a text that is to be classified. */
  readonly cls: number;
  /** Ends a text. */
  readonly sep: number;
  /** Stands for what the vocabulary has not. */
  readonly unk: number;
}

/** Text as numbers, and back. */
export interface Tokenizer {
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** Their ids. */
  readonly specials: SpecialTokens;
  /** The ids of a text, none of them special. */
  encode(text: string): number[];
  /** The text of ids, without the special ones. */
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

/**
 * The ids of a text that are not special.
 *
 * @throws {RangeError} If the vocabulary does not have one of them.
 */
export function textIds(
  ids: Iterable<number>,
  { specials, vocabularySize }: Pick<Tokenizer, "specials" | "vocabularySize">,
): number[] {
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
