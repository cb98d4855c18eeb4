/** Steps of tokenizers give what Hugging Face's own give. @module */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type TokenizerFile, tokenizerOf } from "../../lib/data/mod.ts";
import { charactersMap } from "../../lib/data/text/tokenizer_json/characters_map.ts";
import {
  SPLIT_BEHAVIORS,
  splitText,
} from "../../lib/data/text/tokenizer_json/split_text.ts";
import { FAMILIES } from "./tokenizer_families.ts";

/** The pieces that a pre-tokenizer makes of a text. */
function piecesOf(pre_tokenizer: object, text: string): string[] {
  const pieces: string[] = [];
  const vocab = new Proxy({}, {}) as Record<string, number>;
  // A model of words gives a piece the id that the piece has here.
  for (let i = 0; i < text.length; i++) {
    for (let j = i + 1; j <= text.length; j++) {
      const piece = text.slice(i, j).replaceAll(" ", "▁");
      for (const one of [piece, text.slice(i, j), `▁${piece}`]) {
        vocab[one] ??= pieces.push(one) - 1;
      }
    }
  }
  const file = {
    added_tokens: [],
    pre_tokenizer,
    model: { type: "WordLevel", vocab },
  };
  return tokenizerOf(file as unknown as TokenizerFile).encode(text)
    .map((id) => pieces[id]!);
}

// The examples of Hugging Face's documentation and of its tests.
Deno.test("what is found in a text is removed, isolated, or merged", () => {
  const text = "the-final--countdown";
  const truth = {
    Removed: ["the", "final", "countdown"],
    Isolated: ["the", "-", "final", "-", "-", "countdown"],
    MergedWithPrevious: ["the-", "final-", "-", "countdown"],
    MergedWithNext: ["the", "-final", "-", "-countdown"],
    Contiguous: ["the", "-", "final", "--", "countdown"],
  };
  for (const behavior of SPLIT_BEHAVIORS) {
    assertEquals(splitText(text, /-/gu, behavior), truth[behavior]);
    const pattern = { String: "-" };
    const split = { type: "Split", pattern, behavior, invert: false };
    assertEquals(piecesOf(split, text), truth[behavior]);
  }
  assertEquals(splitText(text, /-/gu, "Removed", true), ["-", "-", "-"]);
  assertEquals(
    piecesOf({ type: "Punctuation" }, "Hey, man!!"),
    ["Hey", ",", " man", "!", "!"],
  );
  const digits = (individual_digits: boolean) => ({
    type: "Digits",
    individual_digits,
  });
  assertEquals(piecesOf(digits(true), "a12Ⅷ b"), ["a", "1", "2", "Ⅷ", " b"]);
  assertEquals(piecesOf(digits(false), "a12Ⅷ b"), ["a", "12Ⅷ", " b"]);
  assertEquals(
    piecesOf({ type: "Whitespace" }, "How's café?!"),
    ["How", "'", "s", "café", "?!"],
  );
});

Deno.test("Metaspace splits before each space, and prepends one where it should", () => {
  const spaces = (options = {}) =>
    piecesOf({ type: "Metaspace", replacement: "▁", ...options }, "Hey   you");
  const split = ["▁", "▁", "▁you"];
  assertEquals(spaces(), ["▁Hey", ...split]);
  assertEquals(spaces({ split: false }), ["▁Hey▁▁▁you"]);
  assertEquals(spaces({ prepend_scheme: "never" }), ["Hey", ...split]);
  assertEquals(spaces({ prepend_scheme: "first" }), ["▁Hey", ...split]);
  assertEquals(spaces({ add_prefix_space: false }), ["Hey", ...split]);
  assertEquals(spaces({ add_prefix_space: true }), ["▁Hey", ...split]);
});

Deno.test("bytes that are no UTF-8 are decoded to one sign each", () => {
  const { decode } = tokenizerOf(FAMILIES["Llama 2"]!.file);
  const bytes = (...all: number[]) => decode(all.map((byte) => 3 + byte));
  assertEquals(bytes(0xef, 0xbb, 0xbf, 0x41), "\ufeffA");
  assertEquals(bytes(0xc3, 0x28), "\ufffd\ufffd");
  assertEquals(bytes(0xe7, 0x8d, 0x85), "獅");
});

/** A node of a trie of bytes: the nodes after it, and the value of its key. */
interface Node {
  readonly after: Map<number, Node>;
  value?: number;
}

/** Writes a map of characters as SentencePiece does. */
function compiled(map: Readonly<Record<string, string>>): string {
  const utf8 = new TextEncoder();
  const root: Node = { after: new Map() };
  let texts = "";
  for (const [key, text] of Object.entries(map)) {
    let node = root;
    for (const byte of utf8.encode(key)) {
      if (!node.after.has(byte)) node.after.set(byte, { after: new Map() });
      node = node.after.get(byte)!;
    }
    node.value = utf8.encode(texts).length;
    texts += `${text}\0`;
  }
  const units: number[] = [0];
  const used = new Set([0]);
  // Two nodes with one base would take each other's followers for their own.
  const bases = new Set<number>();
  const place = (node: Node, at: number, label: number) => {
    const needed = [...node.after.keys()];
    if (node.value !== undefined) needed.push(0);
    let base = 1;
    while (
      bases.has(base) || needed.some((byte) => used.has(base ^ byte))
    ) base++;
    bases.add(base);
    const leaf = node.value === undefined ? 0 : 1 << 8;
    units[at] = (base ^ at) << 10 | leaf | label;
    if (node.value !== undefined) units[base] = node.value | 1 << 31;
    for (const byte of needed) used.add(base ^ byte);
    for (const [byte, one] of node.after) place(one, base ^ byte, byte);
  };
  place(root, 0, 0);
  const blob = utf8.encode(texts);
  const bytes = new Uint8Array(4 + 4 * units.length + blob.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4 * units.length, true);
  for (const [i, unit = 0] of units.entries()) {
    view.setInt32(4 + 4 * i, unit, true);
  }
  bytes.set(blob, 4 + 4 * units.length);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

const MAP = {
  ...{
    "ﬁ": "fi",
    "２": "2",
    "\u00a0": " ",
    "\r": " ",
    "\n": " ",
    "\u200b": "",
  },
  ...{ "e\u0301": "é", "①": "1", "㍿": "株式会社", "A": "a", "\u1680": " " },
};

Deno.test("a map of characters replaces what it has, and nothing else", () => {
  const replace = charactersMap(compiled(MAP));
  assertEquals(
    replace("ﬁne ２\u00a0cafe\u0301\r\nA①㍿ 🦁 é\u200b"),
    "fine 2 café a1株式会社 🦁 é",
  );
  const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
  const utf8 = new TextEncoder();
  const one = (text: string) => {
    // The shortest key that it begins with.
    const key = Object.keys(MAP).filter((key) => text.startsWith(key))
      .sort((a, b) => a.length - b.length)[0];
    return key === undefined ? undefined : MAP[key as keyof typeof MAP];
  };
  const truth = (text: string) =>
    [...characters.segment(text)].map(({ segment }) => {
      const whole = utf8.encode(segment).length < 6 ? one(segment) : undefined;
      return whole ?? Array.from(segment, (c) => one(c) ?? c).join("");
    }).join("");
  const letters = fc.constantFrom(
    ...Object.keys(MAP),
    ...["e", "\u0301", "\u0302", "🦁", "a", " ", "A\u0301\u0302", "🇩🇪"],
  );
  fc.assert(fc.property(fc.array(letters), (all) => {
    const text = all.join("");
    assertEquals(replace(text), truth(text));
  }));
});

Deno.test("a map of characters that is none is refused, or replaces something", () => {
  const fileOf = (precompiled_charsmap: string) => ({
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "Precompiled", precompiled_charsmap }],
    },
    model: { type: "Unigram", vocab: [["a", -1], ["fi", -1]], unk_id: 0 },
  });
  const use = (map: string) =>
    tokenizerOf(fileOf(map) as unknown as TokenizerFile).encode("ﬁa");
  assertEquals(use(compiled(MAP)), [1, 0]);
  for (
    const wrong of ["*", "AA==", btoa("\xff\0\0\0abc"), btoa("\x03\0\0\0a")]
  ) {
    assertThrows(
      () => use(wrong),
      TypeError,
      "file.normalizer.normalizers[0].precompiled_charsmap should be",
    );
  }
  const good = atob(compiled(MAP));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const bad = good.slice(0, at) + String.fromCharCode(byte) +
        good.slice(at + 1);
      try {
        for (const id of use(btoa(bad))) {
          assertEquals(Number.isInteger(id), true);
        }
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof RangeError)) {
          throw error;
        }
      }
    }),
  );
});
