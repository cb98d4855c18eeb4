import {
  ByteLevelPreTokenizer,
  Tokenizer as Library,
} from "@huggingface/tokenizers";
import { type SpecialTokens, textIds, type Tokenizer } from "./tokenizer.ts";

/**
 * The content of a Hugging Face `tokenizer.json`, as far as it is used here. It
 * is plain JSON: save it with `JSON.stringify`.
 */
export interface TokenizerFile {
  /** The tokens, and how text is split into them. */
  readonly model: {
    readonly type: string;
    readonly vocab: object;
    readonly [name: string]: unknown;
  };
  /** Additional tokens, or tokens with a special meaning. */
  readonly added_tokens?: readonly {
    readonly id: number;
    readonly content: string;
    readonly special?: boolean;
  }[];
  /** The steps before and after, as in the format. */
  readonly [name: string]: unknown;
}

/**
 * Largest number of cached words; more would fill the memory where words rarely
 * repeat.
 */
const KNOWN_WORDS = 100_000;

/** The special tokens' names in BERT and RoBERTa. */
const NAMES: Record<keyof SpecialTokens, readonly string[]> = {
  pad: ["[PAD]", "<pad>"],
  mask: ["[MASK]", "<mask>"],
  cls: ["[CLS]", "<s>"],
  sep: ["[SEP]", "</s>"],
  unk: ["[UNK]", "<unk>"],
};

/**
 * Makes a tokenizer from a `tokenizer.json`, made by {@linkcode trainTokenizer}
 * or in another of Hugging Face's formats. The names of special tokens in a
 * text are encoded like any other text.
 *
 * @example From a file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenizerOf, trainTokenizer } from "@lionjs/lion/data";
 *
 * const file = trainTokenizer(["low lower lowest"], { vocabularySize: 270 });
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, JSON.stringify(file));
 *
 * const tokenizer = tokenizerOf(JSON.parse(await Deno.readTextFile(path)));
 * const ids = tokenizer.encode("slower");
 * assertEquals(tokenizer.decode(ids), "slower");
 * ```
 *
 * @param file The parsed content of the file.
 * @returns The tokenizer.
 * @throws {TypeError} If it is not a tokenizer.
 * @throws {RangeError} If it lacks a special token (padding, mask, start, end
 * or unknown), or its ids are not those of a vocabulary: from 0, unique, and
 * with no more gaps than tokens.
 */
export function tokenizerOf(file: TokenizerFile): Tokenizer {
  assertIds(file);
  let library: Library;
  const added = file?.added_tokens ?? [];
  const notSpecial = added.filter(({ special }) => !special);
  try {
    library = new Library({ ...file, added_tokens: notSpecial }, {});
  } catch (cause) {
    throw new TypeError(
      `file should be the value of a tokenizer.json: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
  const ids = library.get_vocab();
  for (const { id, content } of added) ids.set(content, id);
  const vocabulary = {
    vocabularySize: 1 + [...ids.values()].reduce((a, b) => Math.max(a, b), -1),
    specials: Object.fromEntries(
      Object.entries(NAMES).map(([kind, names]) => [kind, idOf(names, ids)]),
    ) as unknown as SpecialTokens,
  };
  return {
    ...vocabulary,
    encode: notSpecial.length === 0 ? byWord(library) : encoder(library),
    decode(ids) {
      const known = textIds(ids, vocabulary);
      if (known.length === 0) return ""; // the library throws
      return library.decode(known, { clean_up_tokenization_spaces: false });
    },
  };
}

/** Smaller ids are allowed whatever the number of tokens. */
const SMALL = 65_536;

/**
 * Throws unless the ids are those of a vocabulary. The library makes a list as
 * long as the largest id.
 */
function assertIds(file: TokenizerFile): void {
  const vocabulary: unknown = file?.model?.vocab;
  if (typeof vocabulary !== "object" || vocabulary === null) return;
  const tokens: (readonly [token: string, id: unknown])[] =
    Array.isArray(vocabulary)
      // Unigram: a token and its score; its index is the id.
      ? vocabulary.map((entry, id) => [String(Object(entry)[0]), id])
      : Object.entries(vocabulary);
  const added = [file.added_tokens ?? []].flat();
  const all = [
    ...tokens,
    ...added.map((one) => [Object(one).content, Object(one).id] as const),
  ];
  const most = Math.max(SMALL, 2 * all.length) - 1;
  const owners = new Map<number, string>();
  for (const [token, id] of all) {
    const name = `file's token ${JSON.stringify(token)}`;
    if (!Number.isInteger(id) || Number(id) < 0 || Number(id) > most) {
      throw new RangeError(
        `${name} should have an id that is an integer from 0 to ${most}, got ${
          JSON.stringify(id)
        }`,
      );
    }
    const owner = owners.get(Number(id));
    if (owner !== undefined && owner !== token) {
      throw new RangeError(
        `${name} should have an id of its own, got ${id}, which ${
          JSON.stringify(owner)
        } has`,
      );
    }
    owners.set(Number(id), token);
  }
}

type Encode = Tokenizer["encode"];

function encoder(library: Library): Encode {
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

/**
 * Caches the ids of words, which is four times as fast if words are encoded
 * separately.
 */
function byWord(library: Library): Encode {
  const encode = encoder(library);
  const { normalizer, pre_tokenizer: splitter } = library;
  if (
    normalizer !== null || !(splitter instanceof ByteLevelPreTokenizer) ||
    splitter.add_prefix_space || !splitter.use_regex
  ) {
    return encode;
  }
  const known = new Map<string, number[]>();
  return (text) =>
    (text.match(splitter.pattern) ?? []).flatMap((word) => {
      let ids = known.get(word);
      if (!ids) {
        if (known.size === KNOWN_WORDS) known.clear();
        known.set(word, ids = encode(word));
      }
      return ids;
    });
}

function idOf(names: readonly string[], ids: Map<string, number>): number {
  const name = names.find((name) => ids.has(name));
  if (name !== undefined) return ids.get(name)!;
  throw new RangeError(
    `file should have a token ${names.join(" or ")}, got ${ids.size} others`,
  );
}
