/**
 * Small tokenizers of the families of models, in files as Hugging Face writes
 * them, each with its truth: how the family splits a text, written as plain
 * loops over plain regular expressions.
 *
 * @module
 */
import { type TokenizerFile, trainTokenizer } from "../../lib/data/mod.ts";

/** A family of tokenizers. */
export interface Family {
  readonly file: TokenizerFile;
  /** What the family's `tokenizer_config.json` says, if it is needed. */
  readonly config?: object;
  /** The tokens of a text, none of them special. */
  tokens(text: string): string[];
  /** What the tokens of a text are decoded to. */
  decoded(text: string): string;
  /** The special tokens around a text, and around a pair. */
  readonly single: readonly string[];
  readonly pair: readonly string[];
  /** The type of the second text's tokens, and of each special token of a pair. */
  readonly types: { readonly second: number; readonly specials: string };
}

const CORPUS = [
  "The lion sleeps tonight. The lions don't sleep in the 1990s, they'll hunt!",
  "In the jungle, the mighty jungle   the lion's asleep\n\n  at 12345 o'clock.",
  "Ünïcödé naïve café — ΣΊΣΥΦΟΣ sleeps, 獅子は眠る。 I'M WE'LL\r\n\ttabs",
];

/** Texts to tokenize. */
export const TEXTS: readonly string[] = [
  ...CORPUS,
  "",
  "lion",
  " lion  sleeps ",
  "the\nlion\n\n\nsleeps\t\t!",
  "123456789 1,000 ½ Ⅷ x2y3",
  "I'll've he'S they'Re ''s",
  "zebra qqq 🦁🦁 é é ﬁ ２",
  "lion,lion;lion--lion...",
];

type Split = (text: string) => string[];

const GPT2: Split = (text) =>
  text.match(
    /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu,
  ) ?? [];
const LLAMA3: Split = (text) =>
  text.match(
    /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu,
  ) ?? [];
const QWEN: Split = (text) =>
  text.normalize("NFC").match(
    /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu,
  ) ?? [];

/** As it stands in the files; the one of Qwen takes digits one by one. */
const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The characters of GPT-2's files that stand for bytes. */
const BYTES: readonly string[] = (() => {
  const shown = (byte: number) =>
    byte >= 33 && byte <= 126 || byte >= 161 && byte !== 173;
  let others = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(shown(byte) ? byte : others++),
  );
})();

/** The merges of a byte-level vocabulary, in their order. */
const BYTE_MERGES = (trainTokenizer(CORPUS, { vocabularySize: 330 })
  .model["merges"] as string[]).map((merge) => merge.split(" "));

/** Merges neighbours as long as a merge applies, always the first merge at its leftmost place. */
function merged(parts: string[], merges: readonly string[][]): string[] {
  for (;;) {
    const pairs = merges.find(([a, b]) =>
      parts.some((part, i) => part === a && parts[i + 1] === b)
    );
    if (!pairs) return parts;
    const at = parts.findIndex((part, i) =>
      part === pairs[0] && parts[i + 1] === pairs[1]
    );
    parts = [
      ...parts.slice(0, at),
      pairs.join(""),
      ...parts.slice(at + 2),
    ];
  }
}

const bytesOf = (text: string) =>
  Array.from(new TextEncoder().encode(text), (byte) => BYTES[byte]!);
const byteTokens = (split: Split) => (text: string) =>
  split(text).flatMap((word) => merged(bytesOf(word), BYTE_MERGES));

const numbered = (tokens: readonly string[]) =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));
const added = (tokens: readonly string[], first: number, special = true) =>
  tokens.map((content, i) => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  }));

/** A file with byte-level tokens, the special ones where `first` says, and extra ones at the end. */
function byteLevel(
  specials: readonly string[],
  { first, extra = [], ...rest }: {
    first: boolean;
    extra?: readonly string[];
    [field: string]: unknown;
  },
): TokenizerFile {
  const plain = [...BYTES, ...BYTE_MERGES.map((pair) => pair.join(""))];
  const tokens = [...new Set(first ? [...specials, ...plain] : plain)];
  const { model, ...steps } = rest;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...added(specials, first ? 0 : tokens.length),
      ...added(extra, tokens.length + specials.length, false)
        .map((token) => ({ ...token, normalized: true })),
    ],
    normalizer: null,
    post_processor: null,
    decoder: {
      type: "ByteLevel",
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    },
    ...steps,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      vocab: numbered(tokens),
      merges: BYTE_MERGES.map((pair) => pair.join(" ")),
      ...model as object,
    },
  };
}

const BYTE_SPLITTER = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
};
const splitter = (pattern: string) => ({
  type: "Sequence",
  pretokenizers: [
    {
      type: "Split",
      pattern: { Regex: pattern },
      behavior: "Isolated",
      invert: false,
    },
    { ...BYTE_SPLITTER, use_regex: false },
  ],
});

/** A template as files have it: "<s>:0 A:0", with the ids of special tokens. */
function template(
  single: string,
  pair: string,
  ids: Readonly<Record<string, number>>,
) {
  const pieces = (text: string) =>
    text.split(" ").map((piece) => {
      const [, id, type] = /^(.+):(\d)$/.exec(piece)!;
      const value = { id: id!, type_id: Number(type) };
      return /^[AB]$/.test(id!) ? { Sequence: value } : { SpecialToken: value };
    });
  return {
    type: "TemplateProcessing",
    single: pieces(single),
    pair: pieces(pair),
    special_tokens: Object.fromEntries(
      Object.entries(ids).map(([id, one]) => [
        id,
        { id, ids: [one], tokens: [id] },
      ]),
    ),
  };
}

// SentencePiece's byte pairs: characters, and bytes for those it has not.
const SPACED = CORPUS[0]!.slice(0, 40).replaceAll(" ", "▁");
const LETTERS = [...new Set(`▁${SPACED}`)];
const PIECES = [
  "th",
  "he",
  "▁t",
  "▁th",
  "▁the",
  "li",
  "on",
  "lion",
  "▁▁",
  "s▁",
];
const PIECE_MERGES = [
  ["▁", "t"],
  ["l", "i"],
  ["o", "n"],
  ["li", "on"],
  ["t", "h"],
  ["▁t", "h"],
  ["h", "e"],
  ["▁th", "e"],
  ["▁", "▁"],
  ["s", "▁"],
];
const LLAMA_SPECIALS = ["<unk>", "<s>", "</s>"];
const LLAMA_TOKENS = [
  ...LLAMA_SPECIALS,
  ...Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  ),
  ...new Set([...PIECES, ...LETTERS]),
];

function llamaTokens(text: string): string[] {
  if (text === "") return [];
  const known = new Set(LLAMA_TOKENS);
  return merged(Array.from(`▁${text.replaceAll(" ", "▁")}`), PIECE_MERGES)
    .flatMap((part) =>
      known.has(part) ? [part] : Array.from(
        new TextEncoder().encode(part),
        (byte) => LLAMA_TOKENS[3 + byte]!,
      )
    );
}

// T5's unigrams: the best way to cut a word is found by trying all.
const SCORES: Readonly<Record<string, number>> = {
  ...{ "<pad>": 0, "</s>": 0, "<unk>": 0, "▁": -2, "▁the": -3, "the": -5 },
  ...{ "▁li": -4, "on": -3.5, "▁lion": -7.4, "lion": -8, "s": -2.5, "▁s": -3 },
  ...{
    "le": -4,
    "ep": -4.1,
    "sleep": -9,
    "eep": -6,
    "l": -5,
    "e": -3,
    "p": -5,
  },
  ...{
    "i": -4,
    "n": -4,
    "o": -4,
    "t": -4,
    "h": -4.5,
    "T": -5,
    ".": -3,
    ",": -3,
  },
};
const LOWEST = Math.min(...Object.values(SCORES)) - 10;

function bestCut(word: string[]): { score: number; parts: string[] } {
  if (word.length === 0) return { score: 0, parts: [] };
  let best = { score: -Infinity, parts: [] as string[] };
  for (let i = 1; i <= Math.min(6, word.length); i++) {
    const part = word.slice(0, i).join("");
    const isToken = Object.hasOwn(SCORES, part);
    if (!isToken && i > 1) continue;
    const rest = bestCut(word.slice(i));
    const score = rest.score + (isToken ? SCORES[part]! : LOWEST);
    const parts = [isToken ? part : "<unk>", ...rest.parts];
    if (score > best.score) best = { score, parts };
  }
  return best;
}

const cuts = new Map<string, string[]>();
function t5Tokens(text: string): string[] {
  return (text.match(/\P{White_Space}+/gu) ?? []).flatMap((word) => {
    const known = cuts.get(word) ?? bestCut(Array.from(`▁${word}`)).parts
      // What is unknown side by side is one unknown token.
      .filter((part, i, all) => part !== "<unk>" || all[i - 1] !== part);
    cuts.set(word, known);
    return known;
  });
}

// BERT's pieces of words: the longest that fits, from left to right.
const BERT_TOKENS = [
  ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "lion", "##s", "in"],
  ...["sleep", "##ing", ".", ",", "'", "don", "t", "##o", "##n", "to", "night"],
  ...["##night", "獅", "子", "naive", "cafe", "!", "-", "1", "##2", "##3", "i"],
  ...["##ll", "ll", "σισυφοσ", "s", "x", "##y"],
];

/** Punctuation, and the blocks of Chinese characters, as BERT takes them. */
const MARKS = "\\p{P}!-/:-@[-`{-~";
const HAN = "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}" +
  "\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}";

function bertTokens(text: string): string[] {
  const plain = text.replace(/[\p{Cf}\p{Co}\p{Cs}]|(?![\t\n\r])\p{Cc}/gu, "")
    .normalize("NFD").replace(/\p{Mn}/gu, "");
  const lower = Array.from(plain, (one) => one.toLowerCase()).join("");
  const words = lower.match(
    new RegExp(`[${MARKS}]|[${HAN}]|[^\\s${MARKS}${HAN}]+`, "gu"),
  );
  return (words ?? []).flatMap((word) => {
    const parts: string[] = [];
    for (let from = 0; from < word.length;) {
      let to = word.length;
      const at = () => (from > 0 ? "##" : "") + word.slice(from, to);
      while (to > from && !BERT_TOKENS.includes(at())) to--;
      if (to === from) return ["[UNK]"];
      parts.push(at());
      from = to;
    }
    return parts;
  });
}

const same = (text: string) => text;

/** The families, by their names. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  BERT: {
    file: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added(BERT_TOKENS.slice(0, 5), 0),
      normalizer: {
        type: "BertNormalizer",
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: template(
        "[CLS]:0 A:0 [SEP]:0",
        "[CLS]:0 A:0 [SEP]:0 B:1 [SEP]:1",
        { "[CLS]": 2, "[SEP]": 3 },
      ),
      decoder: { type: "WordPiece", prefix: "##", cleanup: true },
      model: {
        type: "WordPiece",
        unk_token: "[UNK]",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab: numbered(BERT_TOKENS),
      },
    },
    tokens: bertTokens,
    decoded: (text) =>
      bertTokens(text).filter((token) => token !== "[UNK]")
        .map((token, i) => i === 0 ? token : ` ${token}`).join("")
        .replaceAll(/ ##| (?=[.!,])/g, "").replaceAll(/ '(?=s)/g, "'"),
    single: ["[CLS]", "A", "[SEP]"],
    pair: ["[CLS]", "A", "[SEP]", "B", "[SEP]"],
    types: { second: 1, specials: "001" },
  },
  RoBERTa: {
    file: byteLevel(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], {
      first: true,
      pre_tokenizer: BYTE_SPLITTER,
      post_processor: {
        type: "RobertaProcessing",
        sep: ["</s>", 2],
        cls: ["<s>", 0],
        trim_offsets: true,
        add_prefix_space: false,
      },
    }),
    tokens: byteTokens(GPT2),
    decoded: same,
    single: ["<s>", "A", "</s>"],
    pair: ["<s>", "A", "</s>", "</s>", "B", "</s>"],
    types: { second: 0, specials: "0000" },
  },
  ModernBERT: {
    file: byteLevel(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"], {
      first: false,
      extra: ["  ", "   ", "    "],
      normalizer: { type: "NFC" },
      pre_tokenizer: BYTE_SPLITTER,
      post_processor: template(
        "[CLS]:0 A:0 [SEP]:0",
        "[CLS]:0 A:0 [SEP]:0 B:0 [SEP]:0",
        {},
      ),
    }),
    // Runs of spaces are tokens of their own, the longest first.
    tokens: (text) =>
      text.normalize("NFC").split(/( {2,4})/).flatMap((part) =>
        /^ {2,4}$/.test(part) ? [part] : byteTokens(GPT2)(part)
      ),
    decoded: (text) => text.normalize("NFC"),
    single: ["[CLS]", "A", "[SEP]"],
    pair: ["[CLS]", "A", "[SEP]", "B", "[SEP]"],
    types: { second: 0, specials: "000" },
  },
  "GPT-2": {
    file: byteLevel(["<|endoftext|>"], {
      first: false,
      pre_tokenizer: BYTE_SPLITTER,
      post_processor: { type: "ByteLevel", trim_offsets: false },
    }),
    config: {
      bos_token: "<|endoftext|>",
      eos_token: { __type: "AddedToken", content: "<|endoftext|>" },
      pad_token: null,
    },
    tokens: byteTokens(GPT2),
    decoded: same,
    single: ["A"],
    pair: ["A", "B"],
    types: { second: 1, specials: "" },
  },
  "Llama 2": {
    file: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added(LLAMA_SPECIALS, 0),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      pre_tokenizer: null,
      post_processor: template("<s>:0 A:0", "<s>:0 A:0 <s>:1 B:1", {
        "<s>": 1,
      }),
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        vocab: numbered(LLAMA_TOKENS),
        merges: PIECE_MERGES.map((pair) => pair.join(" ")),
      },
    },
    tokens: llamaTokens,
    decoded: same,
    single: ["<s>", "A"],
    pair: ["<s>", "A", "<s>", "B"],
    types: { second: 1, specials: "01" },
  },
  "Llama 3": {
    file: byteLevel(["<|begin_of_text|>", "<|end_of_text|>"], {
      first: false,
      pre_tokenizer: splitter(PATTERN),
      post_processor: {
        type: "Sequence",
        processors: [
          { type: "ByteLevel", trim_offsets: false },
          {
            ...template(
              "<|begin_of_text|>:0 A:0",
              "<|begin_of_text|>:0 A:0 <|begin_of_text|>:1 B:1",
              {},
            ),
            special_tokens: undefined,
          },
        ],
      },
      model: {
        ignore_merges: true,
        merges: BYTE_MERGES,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
      },
    }),
    tokens: byteTokens(LLAMA3),
    decoded: same,
    single: ["<|begin_of_text|>", "A"],
    pair: ["<|begin_of_text|>", "A", "<|begin_of_text|>", "B"],
    types: { second: 1, specials: "01" },
  },
  Qwen: {
    file: byteLevel(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], {
      first: false,
      normalizer: { type: "NFC" },
      pre_tokenizer: splitter(PATTERN.replace("{1,3}", "")),
      post_processor: { type: "ByteLevel", trim_offsets: false },
    }),
    config: { eos_token: "<|im_end|>", pad_token: "<|endoftext|>" },
    tokens: byteTokens(QWEN),
    decoded: (text) => text.normalize("NFC"),
    single: ["A"],
    pair: ["A", "B"],
    types: { second: 1, specials: "" },
  },
  T5: {
    file: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added(["<pad>", "</s>", "<unk>"], 0),
      normalizer: { type: "Sequence", normalizers: [{ type: "NFKC" }] },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "WhitespaceSplit" },
          { type: "Metaspace", replacement: "▁", add_prefix_space: true },
        ],
      },
      post_processor: template("A:0 </s>:0", "A:0 </s>:0 B:0 </s>:0", {
        "</s>": 1,
      }),
      decoder: { type: "Metaspace", replacement: "▁", add_prefix_space: true },
      model: {
        type: "Unigram",
        unk_id: 2,
        vocab: Object.entries(SCORES).map(([token, score]) => [token, score]),
      },
    },
    tokens: (text) => t5Tokens(text.normalize("NFKC")),
    decoded: (text) =>
      t5Tokens(text.normalize("NFKC")).filter((token) => token !== "<unk>")
        .join("").replaceAll("▁", " ").replace(/^ /, ""),
    single: ["A", "</s>"],
    pair: ["A", "</s>", "B", "</s>"],
    types: { second: 0, specials: "00" },
  },
};
