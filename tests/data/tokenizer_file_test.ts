/** A tokenizer's file is refused by name, or gives integers. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type TokenizerFile, tokenizerOf } from "../../lib/data/mod.ts";

const SPECIALS = ["[PAD]", "[MASK]", "[CLS]", "[SEP]", "[UNK]"];
const LETTERS = ["a", "b", "ab", "##b", "##ab", "▁", "▁a", "\u0120", "<0x7A>"];
const TOKENS = [...SPECIALS, ...LETTERS];
const ids = Object.fromEntries(TOKENS.map((token, id) => [token, id]));
const added_tokens = [
  { id: TOKENS.length, content: "lion", special: false, normalized: true },
  { id: 0, content: "[PAD]", special: true, lstrip: false },
];

const MODELS: Record<string, TokenizerFile["model"]> = {
  BPE: {
    type: "BPE",
    vocab: ids,
    merges: ["a b"],
    unk_token: "[UNK]",
    byte_fallback: false,
    fuse_unk: false,
    ignore_merges: false,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
  },
  "BPE of pairs": {
    type: "BPE",
    vocab: ids,
    merges: [["a", "b"]],
    unk_token: "[UNK]",
    byte_fallback: true,
  },
  WordLevel: { type: "WordLevel", vocab: ids, unk_token: "[UNK]" },
  WordPiece: {
    type: "WordPiece",
    vocab: ids,
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
  },
  Unigram: {
    type: "Unigram",
    vocab: TOKENS.map((token, id) => [token, -id]),
    unk_id: 4,
  },
};

const replace = {
  type: "Replace",
  pattern: { Regex: "c+(?=d)" },
  content: "a",
};
const STEPS: Record<string, Omit<TokenizerFile, "model">> = {
  none: {
    normalizer: null,
    pre_tokenizer: null,
    decoder: null,
    post_processor: null,
  },
  many: {
    normalizer: {
      type: "Sequence",
      normalizers: [
        {
          type: "BertNormalizer",
          clean_text: true,
          handle_chinese_chars: true,
          strip_accents: null,
          lowercase: true,
        },
        { type: "Strip", strip_left: true, strip_right: true },
        { type: "Prepend", prepend: " " },
        replace,
        { type: "Replace", pattern: { String: " " }, content: "▁" },
        { type: "NFKC" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "\\p{L}+|\\s+(?!\\S)|\\s+" },
          behavior: "Isolated",
          invert: false,
        },
        { type: "Metaspace", replacement: "▁", prepend_scheme: "first" },
        { type: "Digits", individual_digits: true },
        { type: "Punctuation", behavior: "Isolated" },
        { type: "FixedLength", length: 3 },
      ],
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "WordPiece", prefix: "##", cleanup: true },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }],
      pair: [],
    },
  },
  bytes: {
    normalizer: { type: "NFD" },
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    },
    decoder: { type: "ByteLevel" },
    post_processor: { type: "ByteLevel" },
  },
};

const TEXTS = ["ab", "a b abab", "z", "ab zé lion1 😀!", " \t", "", "[PAD]a"];

/** Values that a field may have instead of its own. */
const WRONG: unknown[] = [
  null,
  {},
  [],
  "",
  "WordPiece",
  "(a+)+$",
  "(a+)+\\1",
  "(",
  "$'$'",
  -1,
  0,
  1.5,
  1e9,
  NaN,
  Infinity,
  true,
  [null],
  [[]],
  { type: null },
  undefined,
];

type Path = readonly (string | number)[];

/** The paths to all values inside a value. */
function paths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    path,
    ...keys.flatMap((key) => paths(Object(value)[key], [...path, key])),
  ];
}

function changed(file: unknown, path: Path, value: unknown): unknown {
  if (path.length === 0) return value;
  const copy = structuredClone(file);
  const last = path.at(-1)!;
  const owner = path.slice(0, -1).reduce((at, key) => Object(at)[key], copy);
  if (value === undefined && !Array.isArray(owner)) delete Object(owner)[last];
  else Object(owner)[last] = value;
  return copy;
}

/** Encodes texts, and decodes what comes; an error names a piece of the text. */
function useFile(file: unknown): void {
  const tokenizer = tokenizerOf(file as TokenizerFile);
  for (const text of TEXTS) {
    let ids: number[];
    try {
      ids = tokenizer.encode(text);
    } catch (error) {
      const [, piece] = /in the vocabulary, got "(.*?)": give/
        .exec((error as Error).message)!;
      assert(text === "" || piece !== "", (error as Error).message);
      continue;
    }
    for (const id of ids) {
      assert(Number.isInteger(id) && id >= 0, `${text}: ${ids}`);
      assertLess(id, tokenizer.vocabularySize);
    }
    assertEquals(typeof tokenizer.decode(ids), "string");
  }
}

for (const [name, model] of Object.entries(MODELS)) {
  Deno.test(`${name}: a file with a changed field is refused, or gives integers`, () => {
    const refused = new Set<string>();
    let used = 0;
    for (const steps of Object.values(STEPS)) {
      const file = { version: "1.0", model, added_tokens, ...steps };
      useFile(file);
      for (const path of paths(file)) {
        for (const wrong of WRONG) {
          const start = performance.now();
          const where = `${path.join(".")}: ${JSON.stringify(wrong)}`;
          try {
            useFile(changed(file, path, wrong));
            used++;
          } catch (error) {
            const { message } = error as Error;
            refused.add(path.join("."));
            assert(
              error instanceof TypeError || error instanceof RangeError,
              `${where}: ${error}`,
            );
            assert(message.includes("file"), `${where}: ${message}`);
            const field = path.findLast((key) => typeof key === "string");
            const names = field === "type"
              ? ["file."] // what another type needs
              : [
                `${field}`,
                "file's token",
                "file should have a token",
                "it should be",
              ];
            const named = names.some((name) => message.includes(name));
            assert(named, `${where}: ${message}`);
          }
          assertLess(performance.now() - start, 5000, where);
        }
      }
    }
    assert(used > 100 && refused.size > 20, `${used}, ${refused.size}`);
  });
}

/** A file of a model, without steps. */
function fileOf(model: object, more: object = {}): TokenizerFile {
  return { ...STEPS["none"], added_tokens, model, ...more } as TokenizerFile;
}

const UNKNOWN =
  'encode\'s text should be of what is in the vocabulary, got "z"';
const white = { pre_tokenizer: { type: "Whitespace" } };

Deno.test("encode() names the piece that has no id", () => {
  const { unk_token: _, ...rest } = MODELS["BPE"]!;
  const files = {
    "BPE without": fileOf(rest, white),
    "BPE with null": fileOf({ ...rest, unk_token: null }, white),
    "BPE with none": fileOf({ ...rest, unk_token: "" }, white),
    "bytes of a BPE": fileOf({ ...rest, byte_fallback: true }, white),
    WordLevel: fileOf({ type: "WordLevel", vocab: ids }, white),
    Unigram: fileOf({ ...MODELS["Unigram"], unk_id: null }, white),
  };
  for (const [name, file] of Object.entries(files)) {
    const tokenizer = tokenizerOf(file);
    assertEquals(tokenizer.encode("ab a lion").length, 3, name);
    if (name === "bytes of a BPE") {
      assertEquals(tokenizer.encode("z"), [ids["<0x7A>"]!]);
      assertThrows(() => tokenizer.encode("a b y"), RangeError, 'got "y"');
      continue;
    }
    const error = assertThrows(
      () => tokenizer.encode("ab a z"),
      RangeError,
      UNKNOWN,
    );
    assertStringIncludes(error.message, "unk_token");
  }
});

Deno.test("what is unknown gets the id of the unknown token", () => {
  const { "[UNK]": _, ...others } = ids;
  const unknown = { id: 4, content: "[UNK]", special: true };
  const files = [
    ...Object.values(MODELS).map((model) => fileOf(model, white)),
    // As RoBERTa's, whose special tokens may be beside the vocabulary.
    ...["BPE", "WordLevel", "WordPiece"].map((name) =>
      fileOf({ ...MODELS[name], vocab: others }, {
        ...white,
        added_tokens: [...added_tokens, unknown],
      })
    ),
  ];
  for (const file of files) {
    const tokenizer = tokenizerOf(file);
    assertEquals(tokenizer.encode("ab y a"), [ids["ab"]!, 4, ids["a"]!]);
  }
});

// The first text is that of Hugging Face's own test, with a token that is not special.
Deno.test("an added token that is a word is not found within others", () => {
  const letters = Array.from(
    " <>_-.aeikmnosyAM１é",
    (letter, id) => [letter, id],
  );
  const find = (text: string, added: object, more: object = {}) => {
    const { encode } = tokenizerOf({
      model: { type: "BPE", vocab: Object.fromEntries(letters), merges: [] },
      added_tokens: [
        { id: 90, content: "<name>", single_word: true, ...added },
        { id: 91, content: "<a>" },
      ],
      ...more,
    } as unknown as TokenizerFile);
    return encode(text).flatMap((id, place) => id >= 90 ? [[id, place]] : []);
  };
  const text = "<name> My name <name> A<name> <name>ony <name>";
  const first = [[90, 0], [90, 10]];
  assertEquals(find(text, {}), [...first, [90, 30]]);
  assertEquals(find(text, { single_word: false }).length, 5);
  const cases: [text: string, places: number[][]][] = [
    ["<name>", [[90, 0]]],
    ["-<name>.", [[90, 1]]],
    ["_<name>", []],
    ["<name>_", []],
    ["<name>１", []],
    ["é<name>", []],
    ["<name><name>", [[90, 0], [90, 1]]],
    ["<a><name><a>", [[91, 0], [90, 1], [91, 2]]],
    ["<a>a<name><a>", [[91, 0], [91, 8]]],
    ["", []],
  ];
  for (const [text, places] of cases) {
    assertEquals(find(text, {}), places, text);
  }
  // Normalised, it is found as it becomes.
  const lower = { normalizer: { type: "Lowercase" } };
  const normalized = { content: "<NAME>", normalized: true };
  assertEquals(find("<Name> a<name> <name>", normalized, lower), [
    [90, 0],
    [90, 10],
  ]);
});

Deno.test("the type of a model without a name is known by its fields", () => {
  for (const model of Object.values(MODELS)) {
    const { type: _, ...rest } = model;
    const text = "ab zab a";
    assertEquals(
      tokenizerOf(fileOf(rest)).encode(text),
      tokenizerOf(fileOf(model)).encode(text),
    );
  }
});

Deno.test("tokenizerOf() names the field that is wrong", () => {
  const steps = (step: object) => ({ normalizer: step });
  const many = Array(40).fill({ type: "Lowercase" });
  const deep = () => {
    let step: object = { type: "Lowercase" };
    for (let i = 0; i < 9999; i++) {
      step = { type: "Sequence", normalizers: [step] };
    }
    return step;
  };
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [undefined, TypeError, "it should be an object, got undefined"],
    [
      fileOf({ ...MODELS["WordPiece"], vocab: "WordPiece" }),
      TypeError,
      'file.model.vocab should be an object, got "WordPiece"',
    ],
    [
      fileOf(MODELS["BPE"]!, { added_tokens: {} }),
      TypeError,
      "file.added_tokens should be an array, got {}",
    ],
    [
      fileOf({ ...MODELS["BPE"], unk_token: "[NONE]" }),
      RangeError,
      'file.model.unk_token should be in its vocabulary, got "[NONE]"',
    ],
    [
      fileOf({ ...MODELS["Unigram"], unk_id: 99 }),
      RangeError,
      "file.model.unk_id should be below 14, the number of tokens, got 99",
    ],
    [
      fileOf({ ...MODELS["BPE"], type: "Bpe" }),
      TypeError,
      "file.model.type should be one of BPE, Unigram, WordLevel, WordPiece",
    ],
    [
      fileOf({ ...MODELS["BPE"], continuing_subword_prefix: "##" }),
      TypeError,
      'file.model.continuing_subword_prefix should be empty, got "##"',
    ],
    [
      fileOf({ ...MODELS["Unigram"], byte_fallback: true }),
      TypeError,
      "file.model.byte_fallback should be false for a Unigram, got true",
    ],
    [
      fileOf({ ...MODELS["BPE"], merges: ["a b", "ab"] }),
      TypeError,
      "file.model.merges[1] should be two tokens with a space between them",
    ],
    [
      fileOf({ ...MODELS["WordPiece"], max_input_chars_per_word: 1e9 }),
      RangeError,
      "file.model.max_input_chars_per_word should be an integer from 1 to 1000",
    ],
    [
      fileOf(MODELS["BPE"]!, {
        pre_tokenizer: { type: "FixedLength", length: 0 },
      }),
      RangeError,
      "file.pre_tokenizer.length should be an integer from 1",
    ],
    [
      fileOf(MODELS["BPE"]!, steps({ type: "Sequence", normalizers: many })),
      RangeError,
      "file.normalizer should have at most 32 steps, got 41",
    ],
    [
      fileOf(MODELS["BPE"]!, steps(deep())),
      RangeError,
      "in too many sequences",
    ],
    [
      fileOf(MODELS["BPE"]!, steps({ ...replace, content: "a".repeat(101) })),
      RangeError,
      "file.normalizer.content should have at most 100 characters, got 101",
    ],
    [
      fileOf(MODELS["BPE"]!, steps({ ...replace, pattern: { Regex: "(" } })),
      TypeError,
      "file.normalizer.pattern.Regex should be a regular expression (Invalid",
    ],
    [
      fileOf(
        MODELS["BPE"]!,
        steps({ ...replace, pattern: { Regex: "(a+)\\1" } }),
      ),
      RangeError,
      'file.normalizer.pattern.Regex should have no "\\\\1": the time to match',
    ],
    [
      fileOf(MODELS["BPE"]!, steps({ ...replace, pattern: { Glob: "*" } })),
      TypeError,
      'file.normalizer.pattern should be such as { Regex: "…" } or',
    ],
  ];
  for (const [file, Kind, message] of cases) {
    assertThrows(() => tokenizerOf(file as TokenizerFile), Kind, message);
  }
});

Deno.test("no pattern of a file runs without bound", () => {
  const pattern = { Regex: "(a+)+$" };
  const slow = [
    { normalizer: { ...replace, pattern } },
    { pre_tokenizer: { type: "Split", pattern, behavior: "Isolated" } },
    { pre_tokenizer: { type: "Split", pattern, behavior: "Removed" } },
    { pre_tokenizer: { type: "Split", pattern, invert: true } },
    {
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [{ type: "Sequence", pretokenizers: [replace] }, {
          ...replace,
          pattern,
        }],
      },
    },
  ];
  const text = "a".repeat(5000) + "!";
  for (const steps of slow) {
    assertEquals(
      tokenizerOf(fileOf(MODELS["BPE"]!, steps)).encode(text).at(-1) ?? 4,
      4,
    );
  }
  const decoder = { ...replace, pattern };
  const { decode } = tokenizerOf(fileOf(MODELS["BPE"]!, { decoder }));
  assertEquals(decode([...Array(5000).fill(ids["a"]), 14]).slice(-5), "alion");
});

Deno.test("steps do not make a text longer without bound", () => {
  const doubled = { ...replace, pattern: { String: "a" }, content: "aa" };
  const normalizer = { type: "Sequence", normalizers: Array(31).fill(doubled) };
  const { encode } = tokenizerOf(fileOf(MODELS["BPE"]!, { normalizer }));
  const error = assertThrows(() => encode("aaaa"), RangeError);
  assertStringIncludes(
    error.message,
    "should not make thousands of characters of one",
  );
  assertStringIncludes(error.message, "file.normalizer.normalizers[");
});

Deno.test("the content of a replacement is not a pattern of its own", () => {
  const dollars = { ...replace, pattern: { String: "b" }, content: "$'$&" };
  const vocab = { ...ids, "$": 20, "'": 21, "&": 22 };
  const tokenizer = tokenizerOf(
    fileOf({ ...MODELS["BPE"], vocab }, { normalizer: dollars }),
  );
  assertEquals(tokenizer.encode("ba"), [20, 21, 20, 22, ids["a"]!]);
});

Deno.test("decode() leaves out special tokens, and names an id without a token", () => {
  const file = fileOf(MODELS["BPE"]!, {
    added_tokens: [
      ...added_tokens,
      { id: 16, content: "<|end|>", special: true },
    ],
    decoder: { type: "Fuse" },
  });
  const { decode, vocabularySize } = tokenizerOf(file);
  assertEquals(vocabularySize, 17);
  assertEquals(decode([ids["a"]!, 16, ids["b"]!, 14]), "ablion");
  assertThrows(
    () => decode([15]),
    RangeError,
    "ids should be those of tokens, got 15",
  );
});
