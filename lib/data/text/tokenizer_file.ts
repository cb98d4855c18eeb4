/** Tokenizers of a `tokenizer.json`. @module */
import { assertOptions, assertText, optionsOf, shown } from "@lionjs/base";
import {
  ByteLevelPreTokenizer,
  Tokenizer as Library,
} from "@huggingface/tokenizers";
import { paddingOf, templateOf, truncationOf } from "./post_processor.ts";
import { specialsOf } from "./special_tokens.ts";
import { inputEncoder } from "./text_input.ts";
import { textIds, type Tokenizer } from "./tokenizer.ts";
import { ofFile } from "./tokenizer_origin.ts";
import { findSingleWords } from "./tokenizer_json/single_words.ts";
import {
  assertTokenizerShape,
  type ModelType,
  STEPS,
} from "./tokenizer_json/tokenizer_shape.ts";
import {
  literalContents,
  StepBounds,
} from "./tokenizer_json/tokenizer_steps.ts";
import { remembered } from "./tokenizer_json/word_cache.ts";
import { correctModel } from "./tokenizer_json/model_corrections.ts";

/**
 * The content of a Hugging Face `tokenizer.json`, as far as it is used here. It
 * is plain JSON, to be saved with `JSON.stringify`.
 */
export interface TokenizerFile {
  /** The tokens, and how text is split into them. */
  readonly model: {
    readonly type: string;
    readonly vocab: object;
    readonly [name: string]: unknown;
  };
  /** Additional tokens, or tokens with a special meaning. */
  readonly added_tokens?:
    | readonly {
      readonly id: number;
      readonly content: string;
      readonly special?: boolean;
      readonly single_word?: boolean;
    }[]
    | undefined;
  /** The steps before and after the model, as in Hugging Face's format. */
  readonly [name: string]: unknown;
}

/** Options of {@linkcode tokenizerOf}: which tokens of the file are special. */
export interface TokenizerOfOptions {
  /**
   * The name of the token for padding.
   * @default that of the file's `padding`, else `[PAD]` or `<pad>`
   */
  pad?: string | undefined;
  /** The name of the mask token. @default `[MASK]` or `<mask>` */
  mask?: string | undefined;
  /**
   * The name of the token that starts a text.
   * @default `[CLS]`, `<s>`, `<|begin_of_text|>` or `<bos>`
   */
  cls?: string | undefined;
  /**
   * The name of the token that ends a text.
   * @default `[SEP]`, `</s>`, `<|end_of_text|>`, `<|endoftext|>` or `<eos>`
   */
  sep?: string | undefined;
  /**
   * The name of the unknown token.
   * @default that of the file's model, else `[UNK]` or `<unk>`
   */
  unk?: string | undefined;
  /**
   * The parsed content of the `tokenizer_config.json` or
   * `special_tokens_map.json` next to the file, which names special tokens and,
   * if the file does not, says whether `encodeWithSpecials` adds them to texts
   * (`add_bos_token` and `add_eos_token`).
   * @default none
   */
  config?: object | undefined;
}

const OPTIONS = optionsOf<TokenizerOfOptions>()("pad mask cls sep unk config");

/**
 * Makes a tokenizer from a `tokenizer.json`, from {@linkcode trainTokenizer} or
 * Hugging Face: for BERT, RoBERTa, GPT-2, Llama, Qwen, T5 and others. The names
 * of special tokens in a text are encoded like any other text.
 *
 * `encode` returns the tokens of a text alone. `encodeWithSpecials` follows the
 * file's `post_processor` and `truncation`, and accepts pairs of texts. Only
 * the token of its `padding` is used: batches are padded on the right, to their
 * own lengths, and models ignore padding. A special token that the file lacks
 * throws only when it is needed.
 *
 * A file's patterns (`Regex`) match like regular expressions, but in bounded
 * time: at most one step per character of a text and part of the pattern.
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
 * @example A pair of texts, as BERT reads it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenizerOf, trainTokenizer } from "@lionjs/lion/data";
 *
 * const file = trainTokenizer(["low lower lowest"], { vocabularySize: 270 });
 * const tokenizer = tokenizerOf(file);
 * const { ids, types } = tokenizer.encodeWithSpecials("low", { pair: "lower" });
 * const { cls, sep } = tokenizer.specials;
 * const [low, lower] = ["low", "lower"].map((text) => tokenizer.encode(text));
 * assertEquals(ids, [cls, ...low!, sep, ...lower!, sep]);
 * assertEquals(types, ids.map((_, i) => i < low!.length + 2 ? 0 : 1));
 * ```
 *
 * @param file The parsed content of the file.
 * @param options See {@linkcode TokenizerOfOptions}.
 * @returns The tokenizer. Its `encode` throws a RangeError that names a part of
 * the text without an id, if the file has no unknown token.
 * @throws {TypeError} If the file is not a tokenizer, in which case the message
 * names the field, or an option is unknown or of the wrong type.
 * @throws {RangeError} If an option names a token that the file lacks, the
 * unknown token of its model is not in its vocabulary, or its ids are not those
 * of a vocabulary: from 0, unique, and with no more gaps than tokens. Also if a
 * pattern has a back reference, or more than 2,000 parts when its repetitions
 * are expanded, or a step inserts more than 100 characters.
 */
export function tokenizerOf(
  file: TokenizerFile,
  options: TokenizerOfOptions = {},
): Tokenizer {
  assertOptions("tokenizerOf", options, OPTIONS);
  const { config, ...names } = options;
  if (config !== undefined && typeof config !== "object") {
    throw new TypeError(
      `config should be the value of a tokenizer_config.json, got ${
        shown(config)
      }`,
    );
  }
  const type = assertTokenizerShape(file);
  const ids = idsOf(file);
  const vocabulary = {
    vocabularySize: 1 + [...ids.values()].reduce((a, b) => Math.max(a, b), -1),
    specials: specialsOf(ids, names, config, {
      unknown: unknownOf(file, type),
      padding: paddingOf(file["padding"], ids),
    }),
  };
  const added = file.added_tokens ?? [];
  const special = new Set([
    ...added.filter(({ special }) => special).map(({ id }) => id),
    ...Object.values(vocabulary.specials),
  ]);
  const withheld = new Set(
    [...ids].filter(([token, id]) => special.has(id) && isWithheld(token))
      .map(([token]) => token),
  );
  const ofTexts = added.filter(({ special, content }) =>
    !special && !withheld.has(content)
  );
  const library = libraryOf(file, modelOf(file, type, withheld), ofTexts);
  correctModel(library, withheld);
  const bounds = new StepBounds(library, file);
  const template = templateOf(file["post_processor"], ids, config);
  const truncation = truncationOf(file["truncation"]);
  const any = encoder(library, bounds);
  const encode = ofTexts.length === 0 ? byWord(library, any) : any;
  const tokenizer: Tokenizer = {
    ...vocabulary,
    encode,
    encodeWithSpecials: inputEncoder(encode, template, truncation),
    decode(ids) {
      const known = textIds(ids, vocabulary).filter((id) => !special.has(id));
      if (known.length === 0) return ""; // the library throws for none
      let length = 0;
      for (const id of known) {
        const token = library.id_to_token(id);
        if (token === undefined) {
          throw new RangeError(`ids should be those of tokens, got ${id}`);
        }
        length += token.length;
      }
      return bounds.within(
        length,
        () => library.decode(known, { clean_up_tokenization_spaces: false }),
      );
    },
  };
  // Names that options give are none of the file's.
  const isOfFile = Object.values(options).every((one) => one === undefined);
  return isOfFile ? ofFile(tokenizer, () => file) : tokenizer;
}

/**
 * Whether a special token is kept from texts. One of a single character is not, such
 * as the "!" that CLIP pads with: texts could not be written without it.
 */
function isWithheld(token: string): boolean {
  return Array.from(token).length > 1;
}

function libraryOf(
  file: TokenizerFile,
  model: Record<string, unknown>,
  added_tokens: TokenizerFile["added_tokens"],
): Library {
  const steps = STEPS.map((kind) => [kind, literalContents(kind, file[kind])]);
  try {
    const library = new Library(
      // `encode` adds no special tokens, and `encodeWithSpecials` does so by ids.
      {
        ...Object.fromEntries(steps),
        post_processor: null,
        model,
        added_tokens,
      },
      // The library reads a WordLevel model's unknown token from the config.
      { unk_token: model["unk_token"] },
    );
    findSingleWords(library, added_tokens ?? []);
    return library;
  } catch (cause) {
    throw new TypeError(
      `file should be the value of a tokenizer.json: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

/** The unknown token of a file's model, if it has one. */
function unknownOf(
  { model }: TokenizerFile,
  type: ModelType,
): string | undefined {
  if (type !== "Unigram") return (model["unk_token"] as string) || undefined;
  const { unk_id: id, vocab } = model;
  return (vocab as [string, number][])[id as number]?.[0];
}

/** A name that no vocabulary has, for a part of a text without a token. */
const NO_TOKEN = "\u0000no token\u0000";

/**
 * The model's options for the library, which does not check them and has other defaults.
 *
 * @param withheld Tokens that no text has, so that none may be merged to one.
 */
function modelOf(
  { model, added_tokens }: TokenizerFile,
  type: ModelType,
  withheld: ReadonlySet<string>,
): Record<string, unknown> {
  if (type === "Unigram") {
    const { unk_id: id, vocab } = model;
    const { length } = vocab as unknown[];
    if (Number(id ?? 0) < length) return { ...model, type };
    throw new RangeError(
      `file.model.unk_id should be below ${length}, the number of tokens, got ${id}`,
    );
  }
  let vocab = model.vocab as Record<string, unknown>;
  const unknown = (model["unk_token"] || undefined) as string | undefined;
  if (unknown !== undefined && !Object.hasOwn(vocab, unknown)) {
    const added = added_tokens?.find(({ content }) => content === unknown);
    if (!added) {
      throw new RangeError(
        `file.model.unk_token should be in its vocabulary, got ${
          shown(unknown)
        }`,
      );
    }
    vocab = { ...vocab, [unknown]: added.id };
  }
  const merges = model["merges"] as (string | string[])[] | undefined;
  return {
    ...model,
    type,
    vocab,
    // Without an unknown token, the library drops what a BPE does not know.
    unk_token: unknown ?? NO_TOKEN,
    // The library takes the first merge's format to be that of all merges.
    merges: merges?.map((merge) =>
      typeof merge === "string" ? merge.split(" ") : merge
    ).filter((pair) => !withheld.has(pair.join(""))),
  };
}

/** Number of ids that are allowed, however few tokens there are. */
const SMALL = 65_536;

/**
 * The ids of all tokens.
 *
 * @throws {RangeError} Unless they are those of a vocabulary, since the library makes
 * a list as long as the largest id.
 */
function idsOf({ model, added_tokens }: TokenizerFile): Map<string, number> {
  const vocabulary: unknown = model.vocab;
  const tokens: (readonly [token: string, id: unknown])[] =
    Array.isArray(vocabulary)
      // Unigram: each entry is a token and its score; its index is the id.
      ? vocabulary.map(([token], id) => [token, id])
      : Object.entries(model.vocab);
  const added = added_tokens ?? [];
  const all = [
    ...tokens,
    ...added.map(({ content, id }) => [content, id] as const),
  ];
  const most = Math.max(SMALL, 2 * all.length) - 1;
  const owners = new Map<number, string>();
  for (const [token, id] of all) {
    const name = () => `file's token ${JSON.stringify(token)}`;
    if (!Number.isInteger(id) || Number(id) < 0 || Number(id) > most) {
      throw new RangeError(
        `${name()} should have an id that is an integer from 0 to ${most}, got ${
          shown(id)
        }`,
      );
    }
    const owner = owners.get(Number(id));
    if (owner !== undefined && owner !== token) {
      throw new RangeError(
        `${name()} should have an id of its own, got ${id}, which ${
          JSON.stringify(owner)
        } has`,
      );
    }
    owners.set(Number(id), token);
  }
  return new Map(all as [string, number][]);
}

type Encode = Tokenizer["encode"];

function encoder(library: Library, bounds: StepBounds): Encode {
  const encode = (text: string) =>
    bounds.within(
      text.length,
      () => library.encode(text, { add_special_tokens: false }).ids,
    );
  const isKnown = (text: string) => encode(text).every(Number.isInteger);
  return (text) => {
    assertText("encode's text", text);
    const ids = encode(text);
    if (ids.every(Number.isInteger)) return ids;
    const word = text.match(/\S+/gu)?.find((word) => !isKnown(word)) ?? text;
    const part = Array.from(word).find((one) => !isKnown(one)) ?? word;
    throw new RangeError(
      `encode's text should be of what is in the vocabulary, got ${
        shown(part)
      }: give the file's model an unknown token (unk_token, or unk_id of a Unigram) that is in its vocabulary`,
    );
  };
}

/**
 * Caches the ids of words, where words are encoded separately, which makes
 * encoding four times as fast.
 */
function byWord(library: Library, encode: Encode): Encode {
  const { normalizer, pre_tokenizer: splitter } = library;
  if (
    normalizer !== null || !(splitter instanceof ByteLevelPreTokenizer) ||
    splitter.add_prefix_space || !splitter.use_regex
  ) {
    return encode;
  }
  const idsOfWord = remembered(encode);
  return (text) => {
    assertText("encode's text", text);
    return (text.match(splitter.pattern) ?? []).flatMap(idsOfWord);
  };
}
