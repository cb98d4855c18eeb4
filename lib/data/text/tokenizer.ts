/** The interface of tokenizers, and their special tokens. @module */
import { assertIterable, shown } from "@lionjs/base";
import type { EncodeWithSpecialsOptions, TextInput } from "./text_input.ts";

/**
 * The ids of special tokens. No text contains them, even if it says their names; only
 * what is unknown becomes `unk`, and a name of a single character, such as the "!"
 * that CLIP pads with, is text too. Reading one that a
 * tokenizer lacks throws a RangeError that names it;
 * `Object.hasOwn(specials, "mask")` tells whether there is one.
 */
export interface SpecialTokens {
  /** The id of padding. */
  readonly pad: number;
  /** The id of the mask, which replaces a token to predict. */
  readonly mask: number;
  /**
   * The id of the token that starts a text: BERT's class token, `<s>` or
   * `<|begin_of_text|>`.
   */
  readonly cls: number;
  /**
   * The id of the token that ends a text: BERT's separator, `</s>` or
   * `<|endoftext|>`.
   */
  readonly sep: number;
  /** The id of the unknown token, which replaces text that is not in the vocabulary. */
  readonly unk: number;
}

/** A tokenizer, which converts text to token ids and back. */
export interface Tokenizer {
  /** Size of the vocabulary: one more than the highest id. */
  readonly vocabularySize: number;
  /** The ids of special tokens. */
  readonly specials: SpecialTokens;
  /**
   * Returns the ids of a text, none of them special but the unknown token, for what
   * is unknown.
   */
  encode(text: string): number[];
  /**
   * Returns a model's input for a text or a pair: the ids, truncated, with
   * special tokens around them, and the type of each token.
   */
  encodeWithSpecials(
    text: string,
    options?: EncodeWithSpecialsOptions,
  ): TextInput;
  /** Returns the text for ids, without special tokens. */
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

/**
 * Makes the special tokens of those that there are. The others are no properties
 * of the result itself: its prototype throws where they are read.
 */
export function specialTokens(
  found: Readonly<Partial<Record<keyof SpecialTokens, number>>>,
): SpecialTokens {
  return Object.create(
    MISSING,
    Object.getOwnPropertyDescriptors(found),
  ) as SpecialTokens;
}

const MISSING: object = Object.create(
  Object.prototype, // An error or a console then shows it as a plain object.
  Object.fromEntries(
    Object.keys(SPECIAL_IDS).map((kind) => [kind, {
      get() {
        throw new RangeError(
          `the tokenizer should have a special token for ${kind}, got none; ` +
            `name one: tokenizerOf(file, { ${kind}: "…" })`,
        );
      },
    }]),
  ),
);

/** Returns the ids that are not those of special tokens. */
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
      `ids should be integers from 0 to below ${vocabularySize}, got ${
        shown(id)
      }`,
    );
  });
}
