/** No text has special tokens, whatever it says and whatever the tokenizer. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  byteTokenizer,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "../../../lib/data/mod.ts";
import { FAMILIES } from "../tokenizer_families.ts";

/** Every character that the names of special tokens have, each a token. */
const LETTERS = [..."[]<>|/_ abcdefghiklmnoprstuvwxABCEGIKLMNOPSUDR"];
const SPECIALS = ["[UNK]", "<pad>", "</s>", "[MASK]", "<|endoftext|>"];
const TOKENS = [...SPECIALS, ...LETTERS];
const VOCABULARY = Object.fromEntries(TOKENS.map((token, id) => [token, id]));
const added_tokens = SPECIALS.map((content, id) => ({
  ...{ id, content, special: true },
}));

/** Merges that make each special token of its letters, one after another. */
const MERGES = SPECIALS.flatMap((token) =>
  Array.from(
    { length: token.length - 1 },
    (_, i) => [token.slice(0, i + 1), token[i + 1]!],
  )
);
const BEGUN = Object.fromEntries(
  MERGES.map((pair) => pair.join(""))
    .filter((token) => !(token in VOCABULARY))
    .map((token, i) => [token, TOKENS.length + i]),
);

const white = { pre_tokenizer: { type: "WhitespaceSplit" } };
const fileOf = (model: object, more: object = {}) =>
  ({ model, added_tokens, ...more }) as unknown as TokenizerFile;

/** Files whose model would find each special token in a text, by the kind of model. */
const FILES: Record<string, TokenizerFile> = {
  BPE: fileOf({
    ...{ type: "BPE", unk_token: "[UNK]", merges: MERGES },
    vocab: { ...VOCABULARY, ...BEGUN },
  }),
  "BPE that looks for words": fileOf({
    ...{ type: "BPE", unk_token: "[UNK]", merges: [], ignore_merges: true },
    vocab: VOCABULARY,
  }, white),
  Unigram: fileOf({
    ...{ type: "Unigram", unk_id: 0 },
    vocab: TOKENS.map((token, id) => [token, id < SPECIALS.length ? 0 : -5]),
  }),
  WordPiece: fileOf({
    ...{ type: "WordPiece", unk_token: "[UNK]", vocab: VOCABULARY },
    continuing_subword_prefix: "",
  }, white),
  WordLevel: fileOf(
    { type: "WordLevel", unk_token: "[UNK]", vocab: VOCABULARY },
    white,
  ),
};

/** Each kind of tokenizer, and the ids of its special tokens by their names. */
const KINDS: [string, Tokenizer, Map<string, number>][] = [
  [
    "bytes",
    byteTokenizer(),
    new Map(
      ["[PAD]", "[MASK]", "[CLS]", "[SEP]", "[UNK]"].map((
        name,
        i,
      ) => [name, i]),
    ),
  ],
  ...Object.entries({
    ...FILES,
    trained: trainTokenizer(["[PAD] [MASK]</s>", "a [PAD][PAD]"], {
      vocabularySize: 300,
    }),
    ...Object.fromEntries(
      Object.entries(FAMILIES).map(([name, { file }]) => [name, file]),
    ),
  }).map(([name, file]): [string, Tokenizer, Map<string, number>] => [
    name,
    tokenizerOf(file),
    new Map(
      file.added_tokens!.filter(({ special }) => special)
        .map(({ content, id }) => [content, id]),
    ),
  ]),
];

for (const [name, tokenizer, specials] of KINDS) {
  Deno.test(`${name}: no text has special tokens`, () => {
    const { specials: known } = tokenizer;
    const special = new Set(specials.values());
    // What is unknown becomes this one.
    if (Object.hasOwn(known, "unk")) special.delete(known.unk);
    for (const token of specials.keys()) {
      const texts = [
        ...[token, `low ${token}`, `${token} low`, `low ${token} low`],
        ...[`low${token}`, `${token}low`, `low${token}low`],
        ...[...specials.keys()].map((other) => token + other),
      ];
      for (const text of texts) {
        const ids = tokenizer.encode(text);
        assertEquals(ids.filter((id) => special.has(id)), [], text);
        const [whole, around] = [text, ""].map((text) =>
          tokenizer.encodeWithSpecials(text).ids
        );
        assertEquals(whole!.length, ids.length + around!.length, text);
      }
    }
  });
}

Deno.test("the names of special tokens come back as text", () => {
  const LOSSLESS = [
    ...["bytes", "BPE", "Unigram", "trained", "RoBERTa", "ModernBERT"],
    ...["GPT-2", "Llama 2", "Llama 3", "Qwen"],
  ];
  for (const [name, tokenizer, specials] of KINDS) {
    if (!LOSSLESS.includes(name)) continue;
    for (const token of specials.keys()) {
      // Without a decoder, tokens are joined by blanks.
      const isPlain = name === "BPE" || name === "Unigram";
      for (const text of [token, `low${token}`, `${token}low`]) {
        const decoded = tokenizer.decode(tokenizer.encode(text));
        assertEquals(isPlain ? decoded.replaceAll(" ", "") : decoded, text);
      }
    }
  }
});

Deno.test("no text has a special token that the file does not flag", () => {
  const file = fileOf({ ...FILES["Unigram"]!.model }, {
    added_tokens: [{ id: 2, content: "</s>", special: false }],
  });
  const { encode, specials } = tokenizerOf(file, { mask: "[MASK]" });
  assertEquals([specials.sep, specials.mask, specials.pad], [2, 3, 1]);
  for (const text of ["</s>", "[MASK]", "<pad>", "a</s>b"]) {
    assertEquals(
      encode(text),
      Array.from(text, (letter) => VOCABULARY[letter]!),
    );
  }
  // A text could not be written without a token of one character.
  assertEquals(tokenizerOf(file, { pad: "a" }).encode("ab"), [
    ...[VOCABULARY["a"]!, VOCABULARY["b"]!],
  ]);
  assert(tokenizerOf(file).encode("a")[0] === VOCABULARY["a"]);
  assertThrows(() => tokenizerOf(file, { pad: "<none>" }), RangeError);
});
