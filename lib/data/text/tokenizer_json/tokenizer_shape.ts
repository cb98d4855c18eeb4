/**
 * The shape of a `tokenizer.json`, checked field by field, so that an error
 * names what is wrong with a file.
 *
 * Source: Hugging Face's documentation of tokenizers, "Components".
 *
 * @module
 */

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { LONGEST_SOURCE } from "./pattern_program.ts";
import { SPLIT_BEHAVIORS } from "./split_text.ts";
import {
  assertFields,
  boolean,
  type Check,
  type Fields,
  finite,
  integer,
  isObject,
  kind,
  list,
  object,
  oneOf,
  optional,
  strings,
  text,
  token,
  type Unchecked,
  wrong,
} from "./tokenizer_checks.ts";

/** The types of tokenizer models. */
export type ModelType = "BPE" | "Unigram" | "WordLevel" | "WordPiece";

/** The fields of a file that hold steps, which texts or tokens go through. */
export const STEPS = ["normalizer", "pre_tokenizer", "decoder"] as const;

/** The field in which a sequence of steps of each kind holds its steps. */
export const SEQUENCE: Readonly<Record<typeof STEPS[number], string>> = {
  normalizer: "normalizers",
  pre_tokenizer: "pretokenizers",
  decoder: "decoders",
};

/** Longest text that a step may put into texts; steps in use put 3 characters. */
const LONGEST_CONTENT = 100;

/** Largest number of steps of a kind, those in sequences included. */
const MOST_STEPS = 32;

/**
 * Longest word in characters that WordPiece may split, since its time grows
 * with their square.
 */
const LONGEST_WORD = 1000;

const content: Check = (name, value) => {
  text(name, value);
  if ((value as string).length <= LONGEST_CONTENT) return;
  throw new RangeError(
    `${name} should have at most ${LONGEST_CONTENT} characters, got ${
      (value as string).length
    }`,
  );
};
const pattern: Check = (name, value) => {
  const given = isObject(value) ? Object.entries(value) : [];
  const [kind, source] = given[0] ?? [];
  const known = kind === "Regex" || kind === "String";
  if (given.length !== 1 || !known || typeof source !== "string") {
    wrong(name, 'such as { Regex: "…" } or { String: "…" }', value);
  }
  if (source.length > LONGEST_SOURCE) {
    throw new RangeError(
      `${name}.${kind} should have at most ${LONGEST_SOURCE} characters, got ${source.length}`,
    );
  }
  try {
    new SplitPreTokenizer({
      type: "Split",
      behavior: "Isolated",
      pattern: { [kind]: source },
    });
  } catch (cause) {
    const { message } = cause as Error;
    wrong(`${name}.${kind}`, `a regular expression (${message})`, source);
  }
};

const behavior = optional(oneOf(...SPLIT_BEHAVIORS));

const REPLACE: Fields = { pattern, content };
const BYTE_LEVEL: Fields = {
  add_prefix_space: optional(boolean),
  trim_offsets: optional(boolean),
  use_regex: optional(boolean),
};
const METASPACE: Fields = {
  replacement: optional(content),
  str_rep: optional(content),
  prepend_scheme: optional(oneOf("always", "first", "never")),
  add_prefix_space: optional(boolean),
  split: optional(boolean),
};

/** The fields of each type of step that are read here; all others are ignored. */
const TYPES: Readonly<
  Record<typeof STEPS[number], Readonly<Record<string, Fields>>>
> = {
  normalizer: {
    BertNormalizer: {
      clean_text: optional(boolean),
      handle_chinese_chars: optional(boolean),
      strip_accents: optional(boolean),
      lowercase: optional(boolean),
    },
    Lowercase: {},
    NFC: {},
    NFD: {},
    NFKC: {},
    NFKD: {},
    Precompiled: { precompiled_charsmap: optional(text) },
    Prepend: { prepend: content },
    Replace: REPLACE,
    Strip: { strip_left: optional(boolean), strip_right: optional(boolean) },
    StripAccents: {},
  },
  pre_tokenizer: {
    BertPreTokenizer: {},
    ByteLevel: BYTE_LEVEL,
    Digits: { individual_digits: optional(boolean) },
    FixedLength: { length: integer(1) },
    Metaspace: METASPACE,
    Punctuation: { behavior },
    Replace: REPLACE,
    Split: { pattern, behavior, invert: optional(boolean) },
    Whitespace: {},
    WhitespaceSplit: {},
  },
  decoder: {
    BPEDecoder: { suffix: optional(content) },
    ByteFallback: {},
    ByteLevel: BYTE_LEVEL,
    CTC: {
      pad_token: optional(content),
      word_delimiter_token: optional(content),
      cleanup: optional(boolean),
    },
    Fuse: {},
    Metaspace: METASPACE,
    Replace: REPLACE,
    Strip: { content, start: integer(0), stop: integer(0) },
    WordPiece: { prefix: optional(content), cleanup: optional(boolean) },
  },
};

const MODELS: Readonly<Record<ModelType, Fields>> = {
  BPE: {
    vocab: object,
    merges: list((name, value) => {
      if (typeof value !== "string") return strings(name, value);
      if (value.split(" ").length !== 2) {
        wrong(name, "two tokens with a space between them", value);
      }
    }),
    unk_token: optional(text),
    end_of_word_suffix: optional(content),
    continuing_subword_suffix: optional(content),
    // The library would split words as if it were empty.
    continuing_subword_prefix: optional(kind("empty", (value) => value === "")),
    byte_fallback: optional(boolean),
    fuse_unk: optional(boolean),
    ignore_merges: optional(boolean),
  },
  Unigram: {
    vocab(name, tokens) {
      list((name, value) => {
        if (!Array.isArray(value) || value.length !== 2) {
          wrong(name, "a token and its score", value);
        }
        text(`${name}[0]`, value[0]);
        finite(`${name}[1]`, value[1]);
      })(name, tokens);
      if ((tokens as []).length === 0) wrong(name, "some tokens", tokens);
    },
    unk_id: optional(integer(0)),
    // The library would take the unknown token instead of bytes.
    byte_fallback: optional(
      kind("false for a Unigram", (value) => value === false),
    ),
  },
  WordLevel: { vocab: object, unk_token: optional(text) },
  WordPiece: {
    vocab: object,
    unk_token: text,
    continuing_subword_prefix: content,
    max_input_chars_per_word: optional(integer(1, LONGEST_WORD)),
  },
};

/** The fields of an added token; ids are checked with those of the vocabulary. */
const ADDED: Fields = {
  content: token,
  single_word: optional(boolean),
  lstrip: optional(boolean),
  rstrip: optional(boolean),
  normalized: optional(boolean),
  special: optional(boolean),
};

/**
 * Throws unless a value has the shape of a `tokenizer.json`.
 *
 * @returns The type of its model, which old files do not state.
 */
export function assertTokenizerShape(file: unknown): ModelType {
  if (!isObject(file)) wrong("it", "an object", file);
  for (const kind of STEPS) {
    const count = assertSteps(kind, `file.${kind}`, file[kind], 0);
    if (count > MOST_STEPS) {
      throw new RangeError(
        `file.${kind} should have at most ${MOST_STEPS} steps, got ${count}`,
      );
    }
  }
  const { model, added_tokens: added } = file;
  if (!isObject(model)) wrong("file.model", "an object", model);
  const type = typeOf(model);
  assertFields("file.model", model, MODELS[type]);
  optional(list((name, one) => {
    if (!isObject(one)) wrong(name, "an object", one);
    assertFields(name, one, ADDED);
  }))("file.added_tokens", added);
  return type;
}

/** The type of a model, which in old files follows from the model's fields. */
function typeOf(model: Unchecked): ModelType {
  if (model["type"] !== undefined) {
    oneOf(...Object.keys(MODELS))("file.model.type", model["type"]);
    return model["type"] as ModelType;
  }
  if (Array.isArray(model["vocab"])) return "Unigram";
  if (model["merges"] !== undefined) return "BPE";
  return model["continuing_subword_prefix"] === undefined
    ? "WordLevel"
    : "WordPiece";
}

/** Checks a step, or the steps of a sequence, and returns their number. */
function assertSteps(
  kind: typeof STEPS[number],
  name: string,
  step: unknown,
  depth: number,
): number {
  if (depth === 0 && (step === null || step === undefined)) return 0;
  if (!isObject(step)) wrong(name, "an object", step);
  const types = TYPES[kind];
  oneOf(...Object.keys(types), "Sequence")(`${name}.type`, step["type"]);
  if (step["type"] !== "Sequence") {
    assertFields(name, step, types[step["type"] as string]!);
    return 1;
  }
  if (depth > MOST_STEPS) {
    throw new RangeError(`${name} is a sequence in too many sequences`);
  }
  let count = 1;
  const field = SEQUENCE[kind];
  list((name, step) => count += assertSteps(kind, name, step, depth + 1))(
    `${name}.${field}`,
    step[field],
  );
  return count;
}
