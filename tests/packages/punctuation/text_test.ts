/** Words as the model of punctuation reads them, windows of long texts, and what is added to words. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionEncoder, useBackend } from "../../../mod.ts";
import { tokenizerOf, trainTokenizer } from "../../../lib/data/mod.ts";
import { seeded } from "../../../lib/data/batches/mod.ts";
import {
  CLASSES,
  classShares,
  markedWords,
  type Reader,
  withMarks,
  wordsOf,
  wordTokens,
} from "../../../models/punctuation/text/mod.ts";
import { labelled } from "../../../tools/models/punctuation/data.ts";
import { LinearModel } from "../../../tools/models/punctuation/linear.ts";
import {
  bestOffsets,
  type Sets,
  sharesTeller,
  tested,
} from "../../../tools/models/punctuation/testing.ts";

/** A model that has learned nothing, whose answers differ from word to word. */
function readerOf(options: { causal?: boolean } = {}): Reader {
  const tokenizer = tokenizerOf(
    trainTokenizer(["the query reads a table"], { vocabularySize: 280 }),
  );
  return {
    tokens: wordTokens(tokenizer),
    model: lionEncoder({
      ...{ vocabularySize: 280, output: "tokens", numClasses: CLASSES },
      ...{ variant: "s", dim: 8, depth: 2, numHeads: 2, embeddingStd: 1 },
      direction: options.causal ? "forward" : "alternate",
      seed: 1,
    }),
  };
}

Deno.test("words are read in lower case, without the marks, quotes and brackets around them", () => {
  const readings = (text: string) =>
    wordsOf(text).map(({ reading }) => reading);
  assertEquals(readings(' It’s  (very)\n"easy," f(x) — e.g. .bashrc! '), [
    ...["it's", "very", "easy", "f(x", "", "e.g", ".bashrc"],
  ]);
  assertEquals(readings("E\u0301te\u0301"), ["été"]);
  assertEquals(readings(" \n"), []);
  assertEquals(wordsOf(" ab c")[0], { from: 1, to: 3, reading: "ab" });
});

Deno.test("the marks and capitals of a text are its labels; acronyms have no capital", () => {
  const told = (text: string) =>
    labelled(text).map(({ reading, mark, capital }) =>
      `${capital ? "^" : ""}${reading}${mark}`
    );
  assertEquals(told('If "SQL" (Fast), I go: Now! Is it?" – "PostgreSQL."'), [
    ...["^if0", "sql0", "^fast1", "^i0", "go0", "^now2", "^is0", "it3"],
    "^postgresql2",
  ]);
});

Deno.test("whatever a text holds, only marks and capitals are added to its words", async () => {
  await useBackend({ prefer: ["wasm"] });
  const reader = readerOf();
  const random = seeded("hostile");
  const parts = [
    ..."aß ŉ İ ǆ 𐐨 \ud800 \udc00 ١ — … .. ?! «a» '' 한 e\u0301 [MASK] \u0000"
      .split(" "),
    ...[" ", "\n\t", "\u00a0", "  ", "word", "(word", "word)", "x".repeat(900)],
  ];
  const texts = [
    "",
    " ",
    "\n",
    "?",
    ...Array.from({ length: 30 }, () => {
      const count = Math.floor(40 * random());
      return Array.from(
        { length: count },
        () =>
          parts[Math.floor(parts.length * random())] +
          (random() < 0.5 ? " " : ""),
      ).join("");
    }),
  ];
  const words = await markedWords(reader, texts);
  let added = 0;
  texts.forEach((text, i) => {
    const restored = withMarks(text, words[i]!);
    // Undone word by word, it is what it was.
    let place = 0, plain = "";
    for (const { word, mark, to } of words[i]!) {
      const start = to - word.length;
      const space = text.slice(plain.length, start);
      assertEquals(restored.slice(place, place + space.length), space);
      place += space.length;
      assertEquals(restored.slice(place, place + word.length), word);
      place += word.length + mark.length;
      assert(["", ",", ".", "?"].includes(mark));
      const before = text.slice(start, to);
      assert(word === before || word.toLowerCase() === before.toLowerCase());
      added += mark.length + Number(word !== before);
      plain = text.slice(0, to);
    }
    assertEquals(restored.slice(place), text.slice(plain.length));
    assertEquals(
      restored.length,
      text.length + words[i]!.reduce((sum, { mark }) => sum + mark.length, 0),
    );
  });
  assert(added > 100);
  reader.model.dispose();
});

Deno.test("a text of one window and one of many get the shares that each word's window gives", async () => {
  await useBackend({ prefer: ["wasm"] });
  const reader = readerOf({ causal: true });
  const long = Array.from({ length: 300 }, (_, i) => `table${i % 7}`);
  const short = ["a", "", "query"];
  const before = tf.memory().numTensors;
  const [all, few] = await classShares(reader, [long, short]);
  assertEquals(tf.memory().numTensors, before);
  assertEquals(all!.length, 300 * CLASSES);
  for (let word = 0; word < 300; word++) {
    const own = all!.subarray(word * CLASSES, (word + 1) * CLASSES);
    assertAlmostEquals(own.reduce((a, b) => a + b), 1, 1e-5);
  }
  // A word that is not read has no shares; the others are what they are without it.
  const [without] = await classShares(reader, [["a", "query"]]);
  const expected = [
    ...without!.subarray(0, CLASSES),
    ...new Float32Array(CLASSES),
    ...without!.subarray(CLASSES),
  ];
  expected.forEach((share, i) => assertAlmostEquals(few![i]!, share, 1e-6));
  // Of words read from the left, those after a word say nothing, as far as a window goes.
  const [first] = await classShares(reader, [long.slice(0, 20)]);
  const [past] = await classShares(reader, [long.slice(0, 20)], 0);
  first!.forEach((share, i) => {
    assertAlmostEquals(all![i]!, share, 1e-5);
    assertAlmostEquals(past![i]!, share, 1e-5);
  });
  reader.model.dispose();
});

Deno.test("with all words of the future a word's shares are those of the whole text", async () => {
  await useBackend({ prefer: ["wasm"] });
  const reader = readerOf();
  const words = ["the", "query", "", "reads", "a", "table"];
  const [whole] = await classShares(reader, [words]);
  const [far] = await classShares(reader, [words], 10);
  const [near] = await classShares(reader, [words], 1);
  whole!.forEach((share, i) => assertAlmostEquals(far![i]!, share, 1e-5));
  // One word of future is enough for the last word but one.
  const from = 4 * CLASSES;
  whole!.slice(from).forEach((share, i) =>
    assertAlmostEquals(near![from + i]!, share, 1e-5)
  );
  assert(whole!.some((share, i) => Math.abs(share - near![i]!) > 1e-3));
  reader.model.dispose();
});

Deno.test("a linear model learns what the next word tells, which the left side cannot", async () => {
  const random = seeded("linear");
  const words = "ab cd ef gh ij kl mn op".split(" ");
  // A sentence ends before each "the", and so does what is told of it.
  const paragraph = () =>
    labelled(
      Array.from({ length: 12 }, () => {
        const some = Array.from(
          { length: 1 + Math.floor(3 * random()) },
          () => words[Math.floor(words.length * random())],
        );
        return `The ${some.join(" ")}.`;
      }).join(" "),
    );
  const paragraphs = Array.from({ length: 60 }, paragraph);
  const own = Array.from({ length: 20 }, paragraph);
  const sets: Sets = {
    ...{ manual: own, prose: [], "own manuals": own, "own prose": [] },
  };
  const f1 = async (side: "both sides" | "left words only") => {
    const { sharer } = new LinearModel(side, paragraphs, {
      words: 6000,
      seed: 1,
    });
    const offsets = await bestOffsets(sets, sharer);
    const { manual } = await tested(sets, sharesTeller(sharer, offsets));
    assertEquals(manual.comma.of, 0);
    return manual["full stop"];
  };
  const both = await f1("both sides");
  // The last word of a paragraph does not count.
  assertEquals(both.of, 20 * 11);
  assertEquals([both.value, both.low, both.high], [1, 1, 1]);
  assert((await f1("left words only")).value < 0.9);
});
