import { assertText } from "@lionjs/base";
import { SPECIAL_IDS, textIds, type Tokenizer } from "./tokenizer.ts";
import { bertTemplate, inputEncoder } from "./text_input.ts";
import { ofFile } from "./tokenizer_origin.ts";
import { trainTokenizer } from "./train_tokenizer.ts";

const FIRST_BYTE = Object.keys(SPECIAL_IDS).length;

/**
 * Makes a tokenizer whose tokens are the special ones and the bytes of UTF-8.
 * It has no unknown tokens.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer } from "@lionjs/lion/data";
 *
 * const tokenizer = byteTokenizer();
 * assertEquals(tokenizer.vocabularySize, 261);
 * const ids = tokenizer.encode("é!");
 * assertEquals(ids, [5 + 0xc3, 5 + 0xa9, 5 + 0x21]);
 * assertEquals(tokenizer.decode([...ids, tokenizer.specials.sep]), "é!");
 * ```
 *
 * @returns The tokenizer. It decodes bytes that are not UTF-8 to "\ufffd".
 */
export function byteTokenizer(): Tokenizer {
  const vocabulary = {
    vocabularySize: FIRST_BYTE + 256,
    specials: SPECIAL_IDS,
  };
  const encode = (text: string) => {
    assertText("encode's text", text);
    const bytes = new TextEncoder().encode(text);
    return Array.from(bytes, (byte) => FIRST_BYTE + byte);
  };
  const { cls, sep } = SPECIAL_IDS;
  const tokenizer: Tokenizer = {
    ...vocabulary,
    encode,
    encodeWithSpecials: inputEncoder(encode, bertTemplate(cls, sep)),
    decode(ids) {
      const bytes = textIds(ids, vocabulary).map((id) => id - FIRST_BYTE);
      return new TextDecoder("utf-8", { ignoreBOM: true })
        .decode(Uint8Array.from(bytes));
    },
  };
  // A learned vocabulary without merges has these bytes, by these ids.
  const { vocabularySize } = vocabulary;
  return ofFile(tokenizer, () => trainTokenizer(["a"], { vocabularySize }));
}
