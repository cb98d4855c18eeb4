import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  byteTokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { loadBrown, loadSonnets } from "../../lib/datasets/mod.ts";
import { joinPairs, mostFrequentPair } from "./plain_pairs.ts";

const sonnets = await loadSonnets();
const file = trainTokenizer(sonnets, { vocabularySize: 1000 });
const TOKENIZERS = { bytes: byteTokenizer(), pairs: tokenizerOf(file) };

for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
  const { specials, vocabularySize } = tokenizer;

  Deno.test(`${name}: any text comes back`, () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const ids = tokenizer.encode(text);
        assertEquals(tokenizer.decode(ids), text);
        for (const id of ids) assert(id > 4 && id < vocabularySize);
      }),
      { numRuns: 500 },
    );
    const texts = [
      ...sonnets,
      "",
      "\ufeffone \ufeff",
      " a   b\n\n\tc's  ",
      "👩‍👩‍👧 你好 é",
      " . , ' n't 's", // what others clean up
      ...Object.getOwnPropertyNames(Object.prototype),
    ];
    for (const text of texts) {
      assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });

  Deno.test(`${name}: special tokens are none of a text`, () => {
    assertEquals(
      Object.values(specials).sort((a, b) => a - b),
      [0, 1, 2, 3, 4],
    );
    const text = "[CLS] a [MASK] [PAD][SEP]";
    const ids = tokenizer.encode(text);
    assertEquals(ids.filter((id) => id <= 4), []);
    const { cls, sep, pad, mask } = specials;
    assertEquals(tokenizer.decode([cls, mask, ...ids, sep, pad, pad]), text);
    assertEquals(tokenizer.decode([cls, sep]), "");
    for (const id of [-1, vocabularySize, 1.5, NaN]) {
      assertThrows(
        () => tokenizer.decode([id]),
        RangeError,
        `ids should be integers from 0 to below ${vocabularySize}, got ${id}`,
      );
    }
  });
}

Deno.test("byteTokenizer() decodes what is not UTF-8", () => {
  assertEquals(byteTokenizer().decode([5 + 0xc3, 5 + 0x41]), "\ufffdA");
});

/** Merges learned and applied with no thought to time. */
function plainMerges(texts: string[], count: number): string[] {
  const words = texts.flatMap((text) => text.match(/ ?[a-z]+/g) ?? [])
    .map((word) => Array.from(word.replace(" ", "Ġ")));
  // In the order of ids: a byte's is its value, and "Ġ" is a space.
  const tokens = ["Ġ", ..."abcdefghijklmnopqrstuvwxyz"];
  const merges: string[] = [];
  while (merges.length < count) {
    const pair = mostFrequentPair(words, tokens);
    if (!pair) break;
    merges.push(pair.join(" "));
    const joined = pair.join("");
    if (!tokens.includes(joined)) tokens.push(joined);
    joinPairs(words, pair, joined);
  }
  return merges;
}

Deno.test("trainTokenizer() learns what a plain loop learns", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abc"), minLength: 1 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      const text = words.join(" ");
      const merges = plainMerges([text], 20);
      const { model } = trainTokenizer([text], { vocabularySize: 261 + 20 });
      assertEquals((model["merges"] as string[]).slice(0, 20), merges);
    }),
    { numRuns: 200 },
  );
});

Deno.test("trainTokenizer() makes few tokens of a corpus within seconds", async () => {
  const texts = (await loadBrown()).map(({ text }) => text);
  const start = performance.now();
  const tokenizer = tokenizerOf(
    trainTokenizer(texts, { vocabularySize: 4096 }),
  );
  assertEquals(tokenizer.vocabularySize, 4096);
  assertLess(performance.now() - start, 20_000);
  const some = texts.filter((_, i) => i % 10 === 0);
  const ids = some.map((text) => tokenizer.encode(text));
  const length = (parts: { length: number }[]) =>
    parts.reduce((sum, part) => sum + part.length, 0);
  assertLess(3.4, length(some) / length(ids));
  assertEquals(ids.map((each) => tokenizer.decode(each)), some);
});

Deno.test("tokenizerOf() encodes the same from JSON, by word and as a whole", () => {
  const loaded = tokenizerOf(JSON.parse(JSON.stringify(file)));
  // With a token beside the vocabulary the library encodes whole texts.
  const whole = tokenizerOf({
    ...file,
    added_tokens: [...file.added_tokens!, { id: 1000, content: "\u0000" }],
  });
  assertEquals(whole.vocabularySize, 1001);
  for (const text of [...sonnets.slice(0, 20), " a   b\n\n\tc's  "]) {
    const ids = TOKENIZERS.pairs.encode(text);
    assertEquals(loaded.encode(text), ids);
    assertEquals(whole.encode(text), ids);
  }
});

Deno.test("tokenizerOf() reads BERT's format", () => {
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "lion"];
  const vocab = Object.fromEntries([...tokens, "##s"].map((t, id) => [t, id]));
  const tokenizer = tokenizerOf({
    normalizer: { type: "BertNormalizer", lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: null,
    decoder: { type: "WordPiece", prefix: "##" },
    model: {
      type: "WordPiece",
      vocab,
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
  });
  assertEquals(tokenizer.specials.mask, 4);
  const ids = tokenizer.encode("A Lions cat");
  assertEquals(ids, [5, 6, 7, 1]);
  assertEquals(tokenizer.decode(ids), "a lions");
});

Deno.test("tokenizers name what is impossible", () => {
  assertThrows(
    () => trainTokenizer(["a"], { vocabularySize: 100 }),
    RangeError,
    "vocabularySize should be an integer from 261 to 65536, got 100",
  );
  assertThrows(
    () => trainTokenizer(["", ""], { vocabularySize: 300 }),
    RangeError,
    "documents should have some text",
  );
  for (const broken of [null, {}, { model: {} }, { model: { vocab: null } }]) {
    assertThrows(
      () => tokenizerOf(broken as unknown as TokenizerFile),
      TypeError,
      "file should be the value of a tokenizer.json",
    );
  }
  const few = {
    ...file,
    model: { type: "BPE", vocab: { "[PAD]": 0 }, merges: [] },
    added_tokens: [],
  };
  assertThrows(
    () => tokenizerOf(few),
    RangeError,
    "file.post_processor should add tokens of the vocabulary, got id 2",
  );
  const { specials } = tokenizerOf({ ...few, post_processor: null });
  assertEquals(specials.pad, 0);
  assertEquals(Object.keys(specials), ["pad"]);
  assertThrows(
    () => specials.mask,
    RangeError,
    "the tokenizer should have a special token for mask, got none; name one",
  );
});

Deno.test("tokenizers name what is no text, or no ids", () => {
  // deno-lint-ignore no-explicit-any
  const calls: [() => any, string][] = [
    [
      () => trainTokenizer("one text", { vocabularySize: 300 }),
      'documents should be an array or another iterable, got "one text"',
    ],
    [
      () => trainTokenizer([1] as never, { vocabularySize: 300 }),
      "each of trainTokenizer's documents should be a string, got 1",
    ],
  ];
  for (const { encode, decode } of Object.values(TOKENIZERS)) {
    for (const [wrong, got] of [[null, "null"], [1, "1"]]) {
      const text = wrong as never;
      calls.push(
        [() => encode(text), `encode's text should be a string, got ${got}`],
        [
          () => decode(text),
          `ids should be an array or another iterable, got ${got}`,
        ],
      );
    }
  }
  for (const [call, message] of calls) assertThrows(call, TypeError, message);
});
