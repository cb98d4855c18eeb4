/** Texts and pairs with special tokens: truncation, types, errors. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  byteTokenizer,
  type TokenizerFile,
  tokenizerOf,
} from "../../lib/data/mod.ts";
import { FAMILIES } from "./tokenizer_families.ts";

/** A tokenizer of letters, with one special token on each side. */
function letters(more: object = {}, config?: object) {
  const vocab = Object.fromEntries(
    Array.from("[]abcdefghijklmnopqrstuvwxyz", (letter, id) => [letter, id]),
  );
  return tokenizerOf({
    model: { type: "BPE", vocab, merges: [] },
    post_processor: { type: "BertProcessing", cls: ["[", 0], sep: ["]", 1] },
    ...more,
  } as unknown as TokenizerFile, { config });
}

const shown = (ids: readonly number[]) =>
  ids.map((id) => "[]abcdefghijklmnopqrstuvwxyz"[id]).join("");

// The lengths that Hugging Face's own tests state, for 7 tokens in all.
Deno.test("of a pair, the longer text is truncated first", () => {
  const alphabet = "abcdefgh";
  const truth = [
    [[0, 0], [0, 2], [0, 4], [0, 7]],
    [[2, 0], [2, 2], [2, 4], [2, 5]],
    [[4, 0], [4, 2], [3, 4], [3, 4]],
    [[7, 0], [5, 2], [4, 3], [3, 4]],
  ];
  const lengths = [0, 2, 4, 8];
  for (const [i, a] of lengths.entries()) {
    for (const [j, b] of lengths.entries()) {
      const [text, pair] = [alphabet.slice(0, a), alphabet.slice(0, b)];
      const { ids, types } = letters().encodeWithSpecials(text, {
        pair,
        length: 7 + 3,
      });
      const [first, second] = truth[i]![j]!;
      assertEquals(
        shown(ids),
        `[${text.slice(0, first)}]${pair.slice(0, second)}]`,
      );
      assertEquals(types, ids.map((_, at) => at < first! + 2 ? 0 : 1));
    }
  }
});

Deno.test("texts are truncated as the file says, or as the caller does", () => {
  const truncation = (more: object) =>
    letters({ truncation: { max_length: 6, stride: 0, ...more } });
  const cases: [object, string, object, string][] = [
    [{}, "abcdefgh", {}, "[abcd]"],
    [{ strategy: "LongestFirst" }, "abcdefgh", { length: 4 }, "[ab]"],
    [{ direction: "Left" }, "abcdefgh", {}, "[efgh]"],
    [{}, "abc", { length: 99 }, "[abc]"],
    [{}, "abc", { length: 2 }, "[]"],
    [{ direction: "Left" }, "abcd", { pair: "efgh" }, "[d]gh]"],
    [{ strategy: "OnlyFirst" }, "abcdefgh", { pair: "xy" }, "[a]xy]"],
    [{ strategy: "OnlySecond" }, "ab", { pair: "uvwxyz" }, "[ab]u]"],
    [{ strategy: "OnlySecond" }, "ab", { pair: "uvwxyz", length: 3 }, "[]]"],
    [{ strategy: "OnlySecond" }, "abc", {}, "[abc]"],
  ];
  for (const [more, text, options, expected] of cases) {
    const { ids } = truncation(more).encodeWithSpecials(text, options);
    assertEquals(shown(ids), expected, JSON.stringify([more, text, options]));
  }
  const errors: [object, string, object, string][] = [
    [{}, "abc", { length: 1 }, "length should be at least 2, the number of"],
    [{}, "abc", { length: 2, pair: "d" }, "length should be at least 3"],
    [{}, "abc", { length: 1.5 }, "length should be an integer from 0"],
    [
      { strategy: "OnlySecond" },
      "abcdefgh",
      {},
      "file.truncation.strategy OnlySecond should leave a token of the second text",
    ],
    [
      { strategy: "OnlyFirst" },
      "a",
      { pair: "bcdefgh" },
      "OnlyFirst should leave a token of the first text, got 8 tokens for 3 places",
    ],
  ];
  for (const [more, text, options, message] of errors) {
    assertThrows(
      () => truncation(more).encodeWithSpecials(text, options),
      RangeError,
      message,
    );
  }
});

Deno.test("special tokens stay, whatever is truncated", () => {
  const tokenizers = [
    byteTokenizer(),
    ...Object.values(FAMILIES).map(({ file }) => tokenizerOf(file)),
  ];
  const text = fc.string({ unit: "grapheme" });
  fc.assert(fc.property(
    fc.constantFrom(...tokenizers),
    text,
    fc.option(text, { nil: undefined }),
    fc.nat(20),
    (tokenizer, text, pair, room) => {
      const bare = tokenizer.encodeWithSpecials(
        "",
        pair === undefined ? {} : { pair: "" },
      );
      const specials = bare.ids.filter((id) =>
        Object.values(tokenizer.specials).includes(id)
      );
      const length = bare.ids.length + room;
      const whole = tokenizer.encodeWithSpecials(text, { pair });
      const cut = tokenizer.encodeWithSpecials(text, { pair, length });
      assertEquals(cut.ids.length, Math.min(length, whole.ids.length));
      assertEquals(cut.types.length, cut.ids.length);
      assertEquals(tokenizer.encodeWithSpecials(text, { pair, length }), cut);
      for (const id of specials) assert(cut.ids.includes(id));
      if (pair !== undefined) return;
      // One text keeps its beginning.
      const plain = tokenizer.encode(text);
      const kept = cut.ids.length - bare.ids.length;
      assertEquals(whole.ids.length, bare.ids.length + plain.length);
      const from = whole.ids.findIndex((_, i) => bare.ids[i] !== whole.ids[i]);
      assertEquals(
        cut.ids.slice(from, from + kept),
        plain.slice(0, kept),
      );
    },
  ));
});

Deno.test("a post-processor or truncation that is none is named", () => {
  const parts = (...ids: string[]) =>
    ids.map((id) => ({ Sequence: { id, type_id: 0 } }));
  const template = (more: object) => ({
    post_processor: {
      type: "TemplateProcessing",
      single: parts("A"),
      pair: parts("A", "B"),
      ...more,
    },
  });
  const special = (id: string) => [
    { SpecialToken: { id, type_id: 0 } },
    ...parts("A"),
  ];
  const bert = { type: "BertProcessing", cls: ["[", 0], sep: ["]", 1] };
  const errors: [object, typeof TypeError | typeof RangeError, string][] = [
    [
      { post_processor: { type: "Other" } },
      TypeError,
      "file.post_processor.type should be one of BertProcessing, ByteLevel",
    ],
    [
      { post_processor: { ...bert, sep: "]" } },
      TypeError,
      'file.post_processor.sep should be a token and its id, got "]"',
    ],
    [
      { post_processor: { ...bert, sep: ["]", 99] } },
      RangeError,
      "file.post_processor should add tokens of the vocabulary, got id 99",
    ],
    [
      { post_processor: { type: "Sequence", processors: [bert, bert] } },
      RangeError,
      "file.post_processor should have one processor that adds tokens, got BertProcessing, BertProcessing",
    ],
    [
      template({ single: [{ Sequence: { id: "C", type_id: 0 } }] }),
      TypeError,
      'file.post_processor.single[0].Sequence.id should be one of A, B, got "C"',
    ],
    [
      template({ single: [{}] }),
      TypeError,
      "file.post_processor.single[0] should be { Sequence: … } or { SpecialToken: … }, got {}",
    ],
    [
      template({ single: [{ constructor: {} }] }),
      TypeError,
      "file.post_processor.single[0] should be { Sequence: … } or { SpecialToken: … }, got",
    ],
    [
      template({ single: special("<s>") }),
      RangeError,
      'file.post_processor.special_tokens should have "<s>", which its template names',
    ],
    [
      template({ single: special("["), special_tokens: { "[": {} } }),
      TypeError,
      'file.post_processor.special_tokens["["].ids should be an array',
    ],
    [
      template({ pair: parts("A") }),
      RangeError,
      "file.post_processor.pair should have the sequences A and B once each, got A",
    ],
    [
      template({ single: [] }),
      RangeError,
      "file.post_processor.single should have the sequences A once and no B, got none",
    ],
    [
      { truncation: { max_length: -1 } },
      RangeError,
      "file.truncation.max_length should be an integer from 0",
    ],
    [
      { truncation: { max_length: 3, strategy: "longest_first" } },
      TypeError,
      "file.truncation.strategy should be one of LongestFirst, OnlyFirst, OnlySecond",
    ],
  ];
  for (const [more, Kind, message] of errors) {
    assertThrows(
      () => {
        const tokenizer = letters(more);
        tokenizer.encodeWithSpecials("a");
        tokenizer.encodeWithSpecials("a", { pair: "b" });
      },
      Kind,
      message,
    );
  }
  const { encodeWithSpecials } = byteTokenizer();
  // deno-lint-ignore no-explicit-any
  const wrong: [any, any, string][] = [
    [1, {}, "encodeWithSpecials's text should be a string, got 1"],
    ["a", { pair: 1 }, "encodeWithSpecials's pair should be a string, got 1"],
    ["a", { pairs: "" }, 'has no option "pairs"; did you mean "pair"?'],
  ];
  for (const [text, options, message] of wrong) {
    assertThrows(() => encodeWithSpecials(text, options), TypeError, message);
  }
});

Deno.test("special tokens are added as the config says, as Python's Llama does", () => {
  const llama = "LlamaTokenizerFast", other = "PreTrainedTokenizerFast";
  const names = { bos_token: "[", eos_token: { content: "]" } };
  const none = { post_processor: null };
  const byteLevel = { post_processor: { type: "ByteLevel" } };
  const cases: [file: object, config: object, one: string, two: string][] = [
    [none, { ...names }, "ab", "abc"],
    [none, { ...names, add_bos_token: true }, "[ab", "[ab[c"],
    [byteLevel, { ...names, add_eos_token: true }, "ab]", "ab]c]"],
    [
      none,
      { ...names, add_bos_token: false, add_eos_token: null },
      "ab",
      "abc",
    ],
    // Where the file has a template, it counts, but for these classes.
    [
      {},
      { ...names, add_bos_token: false, tokenizer_class: other },
      "[ab]",
      "[ab]c]",
    ],
    [
      {},
      { ...names, add_bos_token: false, tokenizer_class: llama },
      "ab",
      "abc",
    ],
    [
      {},
      { ...names, add_eos_token: false, tokenizer_class: llama },
      "[ab",
      "[ab[c",
    ],
    [{}, { ...names, tokenizer_class: llama }, "[ab]", "[ab]c]"],
    // A token that there is not is not added.
    [none, { add_bos_token: true, bos_token: "<s>" }, "ab", "abc"],
    [none, { add_bos_token: true, bos_token: null }, "ab", "abc"],
  ];
  for (const [file, config, one, two] of cases) {
    const { encodeWithSpecials } = letters(file, config);
    const single = encodeWithSpecials("ab"),
      pair = encodeWithSpecials("ab", { pair: "c" });
    assertEquals([single, pair].map(({ ids }) => shown(ids)), [one, two]);
    assertEquals(single.types, single.ids.map(() => 0));
  }
  const { types } = letters(none, { ...names, add_bos_token: true })
    .encodeWithSpecials("ab", { pair: "c" });
  assertEquals(types, [0, 0, 0, 1, 1]);
  assertThrows(
    () => letters(none, { add_bos_token: "yes" }),
    TypeError,
    'config.add_bos_token should be true or false, got "yes"',
  );
});

Deno.test("a file's padding names its token", () => {
  const padding = (more: object, config?: object) =>
    Object.entries(letters({ padding: more }, config).specials)
      .find(([kind]) => kind === "pad")?.[1];
  assertEquals(padding({ pad_token: "z", pad_id: 27 }), 27);
  assertEquals(padding({ pad_token: "z", pad_id: 27 }, { pad_token: "y" }), 26);
  assertEquals(padding({ pad_token: "[PAD]", pad_id: 0 }), undefined);
  assertEquals(padding({ strategy: "BatchLongest" }), undefined);
  assertThrows(
    () => padding({ pad_token: "z", pad_id: 0 }),
    RangeError,
    'file.padding.pad_id should be 27, that of "z", got 0',
  );
  assertThrows(
    () => padding([]),
    TypeError,
    "file.padding should be an object",
  );
});
