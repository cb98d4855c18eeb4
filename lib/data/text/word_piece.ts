/** BERT's tokenizer of a `vocab.txt`. @module */
import type { TokenizerFile } from "./tokenizer_file.ts";

/** The special tokens of BERT's vocabularies. */
export const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** How BERT's steps treat texts, which a `vocab.txt` does not say. */
export interface WordPieceOptions {
  /** Whether texts become lower case, without accents. @default true */
  lowercase?: boolean | undefined;
  /** Whether accents are removed. @default as lowercase */
  stripAccents?: boolean | undefined;
  /** Whether each Chinese character is a word. @default true */
  chineseCharacters?: boolean | undefined;
}

/**
 * Makes a `tokenizer.json` of BERT's `vocab.txt`, which has a token on each line and
 * leaves out the steps, as these are the same in all such models.
 *
 * Source: transformers, `BertConverter`.
 *
 * @param text The content of the file.
 * @param options See {@linkcode WordPieceOptions}.
 * @throws {RangeError} If the vocabulary lacks BERT's special tokens.
 */
export function wordPieceFile(
  text: string,
  options: WordPieceOptions = {},
): TokenizerFile {
  const { lowercase = true, stripAccents, chineseCharacters = true } = options;
  const lines = text.replace(/\r/g, "").replace(/\n$/, "").split("\n");
  const ids = new Map(lines.map((token, id) => [token, id]));
  const missing = ["[UNK]", "[CLS]", "[SEP]"].filter((name) => !ids.has(name));
  if (missing.length > 0) {
    throw new RangeError(
      `vocab.txt should have BERT's special tokens, got none of ${
        missing.join(" and ")
      }; save the model with its tokenizer.json`,
    );
  }
  const special = (name: string) => [name, ids.get(name)!];
  return {
    version: "1.0",
    added_tokens: SPECIALS.filter((name) => ids.has(name)).map((content) => ({
      id: ids.get(content)!,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: chineseCharacters,
      strip_accents: stripAccents ?? null,
      lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "BertProcessing",
      sep: special("[SEP]"),
      cls: special("[CLS]"),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}
