import {
  ByteLevelPreTokenizer,
  Tokenizer as Library,
} from "@huggingface/tokenizers";
import { type SpecialTokens, textIds, type Tokenizer } from "./tokenizer.ts";

/**
 * What a `tokenizer.json` of Hugging Face holds, as far as it is named here.
 * It is JSON: `JSON.stringify` saves it.
 */
export interface TokenizerFile {
  /** The tokens, and how text becomes them. */
  readonly model: {
    readonly type: string;
    readonly vocab: object;
    readonly [name: string]: unknown;
  };
  /** Tokens beside those, or with a meaning of their own. */
  readonly added_tokens?: readonly {
    readonly id: number;
    readonly content: string;
    readonly special?: boolean;
  }[];
  /** The steps before and after, as the format has them. */
  readonly [name: string]: unknown;
}

/** At most; more would fill the memory where words hardly repeat. */
const KNOWN_WORDS = 100_000;

/** What BERT and RoBERTa call the special tokens. */
const NAMES: Record<keyof SpecialTokens, readonly string[]> = {
  pad: ["[PAD]", "<pad>"],
  mask: ["[MASK]", "<mask>"],
  cls: ["[CLS]", "<s>"],
  sep: ["[SEP]", "</s>"],
  unk: ["[UNK]", "<unk>"],
};

/**
 * The tokenizer of a `tokenizer.json`, one that {@linkcode trainTokenizer} made
 * or another one of Hugging Face's formats. It encodes the names of special
 * tokens in a text like any other text.
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
 * @param file What the file holds, parsed.
 * @returns The tokenizer.
 * @throws {TypeError} If that is no tokenizer.
 * @throws {RangeError} If it has no token for padding, masking, beginning,
 * ending or what is unknown, or if its ids are not those of a vocabulary: from
 * 0 on, one for each token, and not more of them missing than there.
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
      if (known.length === 0) return ""; // the library refuses it
      return library.decode(known, { clean_up_tokenization_spaces: false });
    },
  };
}

/** A vocabulary of fewer tokens may have any ids below. */
const SMALL = 65_536;

/**
 * Throws unless the ids are those of a vocabulary. The library makes a list as
 * long as the largest of them.
 */
function assertIds(file: TokenizerFile): void {
  const vocabulary: unknown = file?.model?.vocab;
  if (typeof vocabulary !== "object" || vocabulary === null) return;
  const tokens: (readonly [token: string, id: unknown])[] =
    Array.isArray(vocabulary)
      // Unigram: a token and its score, and the place is the id.
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

/** Remembers the ids of words: four times as fast, where a text is its words. */
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
