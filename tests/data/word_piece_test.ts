/** What BERT's kind of vocabulary learns, by a plain loop and a plain search of pieces. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import fc from "fast-check";
import {
  type TokenizerFile,
  tokenizerOf,
  trainWordPiece,
} from "../../lib/data/mod.ts";
import { wordPieceFile } from "../../lib/data/text/mod.ts";
import { loadSonnets } from "../../lib/datasets/mod.ts";
import { joinPairs, mostFrequentPair } from "./plain_pairs.ts";

const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** The tokens of a file in the order of their ids. */
const tokensOf = (file: TokenizerFile) =>
  Object.entries(file.model.vocab as Record<string, number>)
    .sort(([, a], [, b]) => a - b).map(([token]) => token);

/** Words of letters without accents; marks and Chinese characters apart. */
const wordsOf = (text: string) =>
  text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase()
    .match(/\p{Script=Han}|[a-z0-9]+|[^a-z0-9\s]/gu) ?? [];

/** A vocabulary learned with no thought to time. */
function plainTokens(texts: readonly string[], size: number): string[] {
  const words = texts.flatMap(wordsOf).map((word) =>
    Array.from(word, (one, i) => i === 0 ? one : `##${one}`)
  );
  const byCode = (a: string, b: string) =>
    a.codePointAt(0)! - b.codePointAt(0)!;
  const characters = (parts: readonly string[]) =>
    [...new Set(parts.map((part) => part.replace("##", "")))].sort(byCode);
  const tokens = [
    ...SPECIALS,
    ...characters(words.flat()),
    ...characters(words.flatMap((word) => word.slice(1))).map((one) =>
      `##${one}`
    ),
  ];
  while (tokens.length < size) {
    const pair = mostFrequentPair(words, tokens);
    if (!pair) break;
    const joined = pair[0] + pair[1].slice(2);
    if (!tokens.includes(joined)) tokens.push(joined);
    joinPairs(words, pair, joined);
  }
  return tokens;
}

/** The longest piece that fits, from left to right. */
function plainPieces(word: string, tokens: ReadonlySet<string>): string[] {
  const parts: string[] = [];
  for (let from = 0; from < word.length;) {
    let to = word.length;
    const piece = () => (from > 0 ? "##" : "") + word.slice(from, to);
    while (to > from && !tokens.has(piece())) to--;
    if (to === from) return ["[UNK]"];
    parts.push(piece());
    from = to;
  }
  return parts;
}

const sonnets = await loadSonnets();
const file = trainWordPiece(sonnets, { vocabularySize: 1000 });
const OTHERS = ["Naïve CAFÉ, isn't it?", "x@y [MASK] 12-3", "獅子 sleeps", ""];

Deno.test("trainWordPiece() learns what a plain loop learns", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcÀ."), minLength: 1 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      const text = words.join(" ");
      const learned = trainWordPiece([text], { vocabularySize: 30 });
      assertEquals(tokensOf(learned), plainTokens([text], 30));
    }),
    { numRuns: 200 },
  );
});

Deno.test("trainWordPiece()'s tokenizer takes the longest pieces of each word", () => {
  const tokenizer = tokenizerOf(JSON.parse(JSON.stringify(file)));
  const tokens = tokensOf(file);
  assertEquals(tokens.length, 1000);
  assertEquals(tokenizer.vocabularySize, 1000);
  const known = new Set(tokens);
  for (const text of [...sonnets, ...OTHERS]) {
    const pieces = wordsOf(text).flatMap((word) => plainPieces(word, known));
    assertEquals(tokenizer.encode(text).map((id) => tokens[id]!), pieces);
  }
  const { unk } = tokenizer.specials;
  assert(!sonnets.some((text) => tokenizer.encode(text).includes(unk)));
});

Deno.test("trainWordPiece()'s texts come back in lower case, with a space between words", () => {
  const tokenizer = tokenizerOf(file);
  const plain = (text: string) => text.toLowerCase().replaceAll(/\s/g, "");
  for (const text of sonnets) {
    const back = tokenizer.decode(tokenizer.encode(text));
    assertEquals(plain(back), plain(text));
  }
  assertEquals(
    tokenizer.decode(tokenizer.encode("From  fairest\ncreatures")),
    "from fairest creatures",
  );
});

Deno.test("trainWordPiece()'s file is read by Hugging Face's library, and from a vocab.txt", () => {
  const tokenizer = tokenizerOf(file);
  const library = new Library(JSON.parse(JSON.stringify(file)), {});
  // The library finds the names of special tokens in texts.
  for (const text of [...sonnets, ...OTHERS.filter((one) => !/\[/.test(one))]) {
    assertEquals(
      library.encode(text).ids,
      tokenizer.encodeWithSpecials(text).ids,
    );
  }
  assertEquals(wordPieceFile(`${tokensOf(file).join("\n")}\n`), file);
});

Deno.test("trainWordPiece() keeps capitals and accents where it should, and the most frequent characters", () => {
  const texts = ["Ééé ééé bb", "Ééé b 獅子"];
  const words = (options: object) => {
    const learned = trainWordPiece(texts, { vocabularySize: 40, ...options });
    return tokensOf(learned).slice(SPECIALS.length);
  };
  assertEquals(words({ alphabet: 1 }), ["e", "##e", "ee", "eee"]);
  assertEquals(
    words({ lowercase: false, stripAccents: true, alphabet: 3 }),
    ["E", "b", "e", "##b", "##e", "##ee", "Eee"],
  );
  assertEquals(
    words({ stripAccents: false, alphabet: 1 }),
    ["é", "##é", "éé", "ééé"],
  );
  const chinese = (chineseCharacters: boolean) =>
    words({ chineseCharacters }).filter((one) => /\p{Script=Han}/u.test(one));
  assertEquals(chinese(true), ["子", "獅"]);
  assertEquals(chinese(false), ["子", "獅", "##子"]);
  // A word of more than a hundred characters is unknown to BERT.
  const long = trainWordPiece([`${"z".repeat(101)} a`], { vocabularySize: 9 });
  assertEquals(tokensOf(long), [...SPECIALS, "a"]);
});

Deno.test("trainWordPiece() names what is impossible", () => {
  assertThrows(
    () => trainWordPiece(["ab"], { vocabularySize: 7 }),
    RangeError,
    "vocabularySize should be at least 8, for the special tokens and 2 characters, where they begin a word and within, got 7; a smaller alphabet needs fewer",
  );
  assertThrows(
    () => trainWordPiece(["ab"], { vocabularySize: 4 }),
    RangeError,
    "vocabularySize should be an integer from 5 to 65536, got 4",
  );
  assertThrows(
    () => trainWordPiece([" ", ""], { vocabularySize: 40 }),
    RangeError,
    "documents should have some text, got none",
  );
  assertThrows(
    () => trainWordPiece(["a", 1] as never, { vocabularySize: 40 }),
    TypeError,
    "each of trainWordPiece's documents should be a string, got 1",
  );
});
