/** Patterns of tokenizers find what RegExp finds, in a time that is bounded. @module */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { BoundedPattern } from "../../lib/data/text/tokenizer_json/bounded_pattern.ts";
import { loadSonnets } from "../../lib/datasets/mod.ts";

/** The pattern that the library makes of one in a file. */
function inLibrary(Regex: string): RegExp {
  const step = { type: "Split", behavior: "Isolated" } as const;
  return new SplitPreTokenizer({ ...step, pattern: { Regex } }).pattern!;
}

/** All that methods of strings find with a pattern that has no groups. */
function found(text: string, pattern: RegExp) {
  return {
    places: Array.from(text.matchAll(pattern), ({ index }) => index),
    list: text.match(pattern),
    replaced: text.replaceAll(pattern, "<>"),
    split: text.split(pattern),
  };
}

/** The patterns of tokenizers in use, as their files have them. */
const IN_USE: Record<string, string> = {
  "GPT-2": String
    .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  "Llama 3": String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  "Qwen 2": String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  "o200k": String
    .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  "DeepSeek 3":
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "BLOOM": " ?[^(\\s|[.,!?…。，、।۔،])]+",
  "CLIP": String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  "T5": " {2,}",
  "digits from the right": String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
  "white space": String.raw`\s+`,
};

const TEXT = [
  ...(await loadSonnets()).slice(0, 20),
  "It's 1234567 o'clock; they'LL  pay $12,345.67\r\n\r\n  \t now!?  ",
  "naïve e\u0301 ǅ 你好，世界。 हिन्दी ١٢٣ 👩‍👩‍👧 𝟙𝟚 \ud800 \u00a0\u3000 (a|b) \ufeff",
].join("\n");

for (const [name, source] of Object.entries(IN_USE)) {
  Deno.test(`the pattern of ${name} finds what RegExp finds`, () => {
    const native = inLibrary(source);
    const ours = new BoundedPattern(native.source);
    assertEquals(found(TEXT, ours), found(TEXT, native));
    assert(TEXT.match(ours)!.length > 0);
  });
}

/** Patterns that take RegExp exponential time, or the square of a text. */
const SLOW = [
  "(a+)+$",
  "(a|aa)+$",
  "(a|a)*$",
  "(.*)*x",
  "(a*)*b",
  "(?:a?){30}a{30}b",
  "a*a*a*a*b",
  ".*.*=.*",
  "\\s+$",
  "(\\w+\\s?)+$",
  "(?=(a+)+$)a",
  "(?=.*x)a",
  "(?!(a|a)*$)a",
  "(?<=^(a|a)*)x",
  "(?<=(a+)+b)a",
  "(?=(?=(?=.*x).*x).*x)a",
  "(a+)+?(?!\\S)x",
  "a|a*b",
];

Deno.test("no pattern takes more than some steps for each character", () => {
  const start = performance.now();
  for (const source of SLOW) {
    const pattern = new BoundedPattern(inLibrary(source).source);
    for (const unit of ["a", " ", "a ", "a=", "aaab"]) {
      const text = unit.repeat(20_000) + "!";
      text.match(pattern);
      text.replaceAll(pattern, "");
      text.split(pattern);
    }
  }
  // RegExp would need years; and for the squares alone, minutes.
  assertLess(performance.now() - start, 60_000);
});

/** Patterns of a few letters in which all constructs meet. */
const { pattern: anyPattern } = fc.letrec<{ pattern: string; part: string }>(
  (tie) => ({
    part: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("a", "b", "[ab]", "[^a]", "\\s", "[^\\n]", "😀", "."),
      tie("pattern").map((inner) => `(?:${inner})`),
      fc.tuple(
        tie("part"),
        fc.constantFrom("*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}"),
        fc.constantFrom("", "?"),
      ).map(([part, times, lazy]) => `(?:${part})${times}${lazy}`),
      fc.tuple(fc.constantFrom("?=", "?!", "?<=", "?<!"), tie("pattern"))
        .map(([look, inner]) => `(${look}${inner})`),
    ),
    pattern: fc.array(
      fc.array(tie("part"), { maxLength: 3 }).map((parts) => parts.join("")),
      { minLength: 1, maxLength: 3 },
    ).map((alternatives) => alternatives.join("|")),
  }),
);

function isInsidePair(text: string, place: number): boolean {
  return text.codePointAt(place - 1)! > 0xffff;
}

Deno.test("any pattern finds what RegExp finds", () => {
  const text = fc.string({
    unit: fc.constantFrom(..."ab ", "\n", "😀", "\ud83d", "\ude00"),
    maxLength: 12,
  });
  fc.assert(
    fc.property(anyPattern, text, (source, text) => {
      const native = found(text, new RegExp(source, "gu"));
      // V8 finds empty matches inside of pairs, which the standard skips.
      fc.pre(!native.places.some((place) => isInsidePair(text, place)));
      assertEquals(found(text, new BoundedPattern(source)), native);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a pattern starts anew with each text, and where it is told to", () => {
  const pattern = new BoundedPattern("a+b");
  assertEquals(pattern.test("aab aaa"), true);
  assertEquals(pattern.lastIndex, 3);
  assertEquals(pattern.test("aaa aab"), true); // from 3 on
  pattern.lastIndex = 0;
  assertEquals(pattern.exec("aaa aab")?.index, 4);
  pattern.lastIndex = 2;
  assertEquals(pattern.exec("aaab")?.index, 2);
  pattern.lastIndex = 0;
  assertEquals(pattern.exec("aaab")?.index, 0);
  pattern.lastIndex = 9;
  assertEquals(pattern.exec("aaab"), null);
  assertEquals(pattern.lastIndex, 0);
});

Deno.test("patterns without a bound are refused", () => {
  const refused: [string, typeof RangeError | typeof SyntaxError, string][] = [
    ["(a+)\\1", RangeError, 'no "\\\\1": the time to match it has no bound'],
    ["(?<x>a)\\k<x>", RangeError, "has no bound"],
    ["(?s:.)", RangeError, 'no "(?s:.)"'],
    ["\\b", RangeError, 'no "\\\\b"'],
    ["a{3000}", RangeError, "at most 2000 parts"],
    ["(?:(?:(?:){1000}){1000}){1000}", RangeError, "at most 2000 parts"],
    ["|".repeat(5000), RangeError, "at most 2000 parts"],
    ["a".repeat(10_001), RangeError, "at most 10000 characters, got 10001"],
    ["(", SyntaxError, ""],
  ];
  for (const [source, Kind, message] of refused) {
    assertThrows(() => new BoundedPattern(source), Kind, message);
  }
});
