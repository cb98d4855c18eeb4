/** The package of punctuation as it is: what it restores, and whether its card tells the truth. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import config from "../../../models/punctuation/config.json" with {
  type: "json",
};
import manifest from "../../../models/punctuation/deno.json" with {
  type: "json",
};
import punctuation, { restore } from "../../../models/punctuation/mod.ts";
import { sha256Of } from "../../../lib/base/files.ts";
import { fromPretrained } from "../../../lib/hub/mod.ts";
import { useBackend } from "../../../mod.ts";
import root from "../../../deno.json" with { type: "json" };
import {
  allCards,
  type Card,
  readmeOf,
  withPackages,
} from "../../../tools/models/card.ts";

const FOLDER = new URL("../../../models/punctuation/", import.meta.url);

const DOCUMENT = new URL("../../../docs/pretrained.md", import.meta.url);

/** A text without what aligns columns. */
const cellsOf = (text: string) => text.replaceAll(/[-: ]+/g, " ");

/** A text as one dictates it. */
const plain = (text: string) => text.toLowerCase().replaceAll(/[,.?]/g, "");

/** Sentences that nothing is trained on, as the weights restore them. */
const RESTORED: readonly string[] = [
  "When the table is empty, the query returns no rows. This is not an error.",
  "What is a pointer? It is an address in memory.",
  "As soon as the connection is open, the client sends a request, the server answers it, and both of them wait for the next one.",
  "The file is closed. The next call then opens it again.",
];

const card: Card = JSON.parse(
  await Deno.readTextFile(new URL("card.json", FOLDER)),
);

Deno.test("the package restores marks and capitals, alone and beside other texts", async () => {
  await useBackend({ prefer: ["wasm"] });
  assertEquals(await restore(RESTORED.map(plain)), RESTORED);
  for (const text of RESTORED) {
    assertEquals(await restore([plain(text)]), [text]);
  }
  assertEquals(await restore([]), []);
});

Deno.test("what there is of marks, capitals, spaces and other signs stays as it is", async () => {
  await useBackend({ prefer: ["wasm"] });
  assertEquals(await restore(["", " ", "\n\t", "…", "— = —"]), [
    ...["", " ", "\n\t", "…", "— = —"],
  ]);
  const [done] = await restore(["  Stop!  Is PostgreSQL (the\nserver) up? "]);
  assertMatch(
    done!,
    /^ {2}Stop! {2}Is PostgreSQL[.,]? \([Tt]he\nserver\) up\? $/,
  );
  // A text ends as a sentence, and begins as one.
  assertEquals(await restore(["hello", "¿qué", "42"]), [
    ...["Hello.", "¿qué.", "42."],
  ]);
});

Deno.test("words and their order never change, in texts of any length", async () => {
  await useBackend({ prefer: ["wasm"] });
  const sentences = RESTORED.map(plain);
  const long = Array.from(
    { length: 40 },
    (_, i) => sentences[i % sentences.length],
  ).join(" ");
  const [restored] = await restore([long]);
  assertEquals(plain(restored!), long);
  const stops = restored!.match(/\./g)!.length;
  assert(stops > 40, `${stops} full stops`);
});

Deno.test("texts that are no array of strings are refused", async () => {
  for (
    const [wrong, got] of [
      ["text", "a string"],
      [["text", 1], "an array with 1 at 1"],
      [[{}], "an array with an object at 0"],
      [Array(1), "an array with undefined at 0"],
      [null, "null"],
    ] as const
  ) {
    await assertRejects(
      () => restore(wrong as unknown as string[]),
      TypeError,
      `restore's texts should be an array of strings, got ${got}`,
    );
  }
});

Deno.test("fromPretrained() loads the package, whose answers leave no tensor", async () => {
  await useBackend({ prefer: ["wasm"] });
  await restore(["once"]);
  const before = tf.memory().numTensors;
  await restore(["once more", "and again"]);
  assertEquals(tf.memory().numTensors, before);
  const { model, tokenizer, config, weights } = await fromPretrained(
    punctuation,
  );
  assertEquals([weights.initial, weights.unused], [[], []]);
  assertEquals(model.countParams(), card.model.parameters);
  assertEquals(tokenizer!.vocabularySize, 4000);
  assertEquals((config as { task?: string }).task, punctuation.task);
  model.dispose();
});

Deno.test("the card is of these files, and the README of the card", async () => {
  const read = (name: string) => Deno.readFile(new URL(name, FOLDER));
  const weights = await read("model.safetensors");
  const vocabulary = await read("tokenizer.json");
  assertEquals(card.weights.sha256, sha256Of(weights));
  assertEquals(card.weights.bytes, weights.length + vocabulary.length);
  assert(card.weights.bytes <= 1.5e6);
  assertEquals(card.model.options, config.options);
  assertEquals(manifest.version, root.version);
  const readme = await Deno.readTextFile(new URL("README.md", FOLDER));
  assertEquals(readme, readmeOf(card));
  const document = await Deno.readTextFile(DOCUMENT);
  assertEquals(
    cellsOf(document),
    cellsOf(withPackages(document, await allCards())),
  );
  // What was reached is what the tables say.
  const figures = card.tables.slice(0, 2).map(({ rows }) =>
    rows.find(({ name }) => name === "this model, int8")!.figures!
  );
  for (const { what, reached } of card.bars.slice(0, 5)) {
    const kind = /^F1 of (.*)s, /.exec(what)![1]!;
    const place = what.endsWith("another manual") ? 0 : 1;
    assertEquals(reached, figures[place]![kind]!.value);
  }
  // The notices of all that the weights were made from go with them.
  for (const { notice } of card.data) {
    if (notice.startsWith("Only tested on")) continue;
    const text = await Deno.readTextFile(new URL(notice, FOLDER));
    assert(/copyright|public domain/i.test(text), notice);
  }
});
